import json
from pathlib import Path
from typing import Any

import pytest

from planner.cli.main import main
from planner.training.model_directory import CONFIG, REPORT
from tests.fixtures.planner_examples import examples, write_dataset, write_examples
from tests.fixtures.policies import write_untrained


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return write_dataset(tmp_path_factory.mktemp("cli") / "data", n=120, seed=8)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return write_untrained(tmp_path_factory.mktemp("cli") / "model")


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Any:
    plain = tmp_path_factory.mktemp("cli") / "control"
    write_untrained(plain)
    report = json.loads((plain / REPORT).read_text())
    report["config"]["shuffle_labels"] = True
    (plain / REPORT).write_text(json.dumps(report))
    return plain


def evaluate(*arguments: Any) -> Any:
    return main(["evaluate", *map(str, arguments)])


def test_a_model_is_judged_beside_its_control(
    data: Path, model: Path, control: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = evaluate("--model", model, "--shuffled", control, "--dataset", data, "--out", tmp_path / "out")
    output = capsys.readouterr()
    assert code == 0
    assert "pass rate against best_fixed" in output.out
    assert "shuffled mlp-" in output.out
    assert f"report in {tmp_path / 'out' / 'report.md'}" in output.err
    figures = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert figures["before_calibration"]["ece"] != figures["policies"][0]["labels"]["ece"]
    assert "may have seen these issues" in (tmp_path / "out" / "report.md").read_text()


def test_a_bundle_decides_as_its_model_does(
    data: Path, model: Path, small_bundle: Path, tmp_path: Path
) -> None:
    assert evaluate("--model", model, "--dataset", data, "--out", tmp_path / "model") == 0
    assert evaluate("--bundle", small_bundle, "--dataset", data, "--out", tmp_path / "bundle") == 0
    written = [
        json.loads((tmp_path / name / "evaluation.json").read_text())["policies"][0]["labels"]
        for name in ("model", "bundle")
    ]
    for figures in written:
        assert figures["exact"] == written[0]["exact"]
        assert figures["ece"] == pytest.approx(written[0]["ece"], abs=1e-4)


def refused(capsys: pytest.CaptureFixture[str], *arguments: Any) -> Any:
    """The one line of a refusal, which wrote nothing."""
    assert evaluate(*arguments) == 2
    output = capsys.readouterr().err.strip().splitlines()
    assert len(output) == 1
    return output[0]


def test_data_of_another_epoch_is_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_examples(tmp_path / "data", examples(60), epoch="epoch-2")
    line = refused(capsys, "--model", model, "--dataset", other, "--out", tmp_path / "out")
    assert "trained under policy epoch epoch-1" in line
    assert "is of epoch-2" in line
    assert not (tmp_path / "out").exists()


def test_a_model_of_another_layout_is_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = write_untrained(tmp_path / "model")
    config = json.loads((foreign / CONFIG).read_text()) | {"layout_fingerprint": "f" * 64}
    (foreign / CONFIG).write_text(json.dumps(config))
    line = refused(capsys, "--model", foreign, "--dataset", data, "--out", tmp_path / "out")
    assert "another encoding of inputs" in line


def test_a_control_that_learnt_true_labels_is_refused(
    data: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(
        capsys, "--model", model, "--shuffled", model, "--dataset", data, "--out", tmp_path / "out"
    )
    assert "trained on unshuffled labels" in line


def test_one_class_only_is_refused(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alike = examples(40, benched=False)
    for document in alike:
        document["label_action"] |= alike[0]["label_action"]
        document["planner_input"]["job_type"] = alike[0]["planner_input"]["job_type"]
        document["split"] = "test"
    data = write_examples(tmp_path / "data", alike)
    line = refused(capsys, "--model", model, "--dataset", data, "--out", tmp_path / "out")
    assert "one action" in line


@pytest.mark.parametrize("sources", [[], ["--model", "a", "--bundle", "b"]])
def test_exactly_one_policy_is_judged(
    sources: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(*sources, "--dataset", "data", "--out", tmp_path / "out") == 2
    assert "give one of --model DIR and --bundle DIR" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["--model", "--bundle"])
def test_what_is_not_there_is_refused(
    missing: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(capsys, missing, tmp_path / "nowhere", "--dataset", data, "--out", tmp_path / "out")


def test_a_gate_fails_where_an_outcome_is_worse_than_the_baselines(
    model: Any, tmp_path: Any, capsys: Any
) -> None:
    data = write_dataset(tmp_path / "data", n=300, seed=8)
    arguments = ("--model", model, "--dataset", data, "--out", tmp_path / "out")
    assert evaluate(*arguments, "-o", "json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures == json.loads((tmp_path / "out" / "evaluation.json").read_text())
    gated = [
        one
        for one in figures["differences"]
        if one["policy"] == figures["policy"]
        and one["reference"] == "heuristic_baseline"
        and one["metric"] in ("pass_rate", "cost_per_pass", "mean_time_to_pass")
    ]
    worse = [one["metric"] for one in gated if one["worse"]]
    expected = 3 if worse else 0 if any(one["low"] is not None for one in gated) else 1
    assert evaluate(*arguments, "--fail-on-regression", "-o", "csv", "--table", "policies") == expected
    told = capsys.readouterr()
    assert told.out.startswith("policy,labels.")
    assert all(f"regressed: {metric} of {figures['policy']}" in told.err for metric in worse)
