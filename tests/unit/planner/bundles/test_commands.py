"""`planner export` of what `planner train` wrote."""

import json
from pathlib import Path

import pytest

from planner.bundles.bundle import open_bundle
from planner.bundles.policy import BundlePolicy
from planner.cli.main import main
from planner.host.models import PolicyModel
from planner.policies.base import Observation
from planner.training.exporting.cases import planner_inputs
from planner.training.trained import load_trained
from tests.fixtures.planner_examples import write_dataset

TRAIN = ["--epochs", "1", "--hidden", "32", "--learning-rate", "0.01", "--threads", "1"]
NO_GATES = ["--min-examples", "1", "--min-agreement", "0"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory, trained on a few examples."""
    home = tmp_path_factory.mktemp("trained")
    data = write_dataset(home / "data", n=120, seed=2)
    out = home / "model"
    asked = ["train", "--dataset", str(data), "--policy", "mlp", "--out", str(out), *TRAIN, *NO_GATES]
    assert main(asked) == 0
    return out


def test_a_trained_model_becomes_a_bundle_that_decides_alike(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bundle"
    assert main(["export", "--model", str(model), "--out", str(out), "--with-weights"]) == 0
    assert "equal to torch on 120 cases" in capsys.readouterr().out
    assert main(["verify", str(out)]) == 0
    seen = [Observation(document) for document in planner_inputs()]
    trained, bundled = load_trained(model), BundlePolicy(open_bundle(out))
    for actual, other in zip(trained.distributions(seen), bundled.distributions(seen), strict=True):
        assert actual.argmax() == other.argmax()
        assert other == pytest.approx(actual, abs=1e-6)


@pytest.mark.parametrize("kind", ["mlp", "outcome"])
def test_an_isotonic_curve_is_exported_and_needs_no_torch(kind: str, tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data", n=160, seed=2, benched=True)
    asked = ["train", "--dataset", str(data), "--policy", kind, "--out", str(tmp_path / "model")]
    assert main([*asked, *TRAIN, *NO_GATES, "--calibration", "isotonic"]) == 0
    report = json.loads((tmp_path / "model" / "report.json").read_bytes())
    assert main(["export", "--model", str(tmp_path / "model"), "--out", str(tmp_path / "bundle")]) == 0
    assert main(["verify", str(tmp_path / "bundle")]) == 0
    calibration = json.loads((tmp_path / "bundle" / "calibration.json").read_bytes())
    assert calibration["method"] == report["calibration"]["method"] == "isotonic"
    assert calibration["isotonic"] == report["calibration"]["isotonic"]
    opened = open_bundle(tmp_path / "bundle")
    with_curve, without = BundlePolicy(opened), BundlePolicy(opened, calibrated=False)
    torch_model = PolicyModel(load_trained(tmp_path / "model"))
    rates = set()
    for document in planner_inputs(40):
        actual = with_curve.decide(document)
        expected = torch_model.decide(document, lambda function, argument: function(argument))
        assert actual.action == expected.action
        assert actual.confidence == pytest.approx(expected.confidence, abs=1e-5)
        rates.add(round(actual.confidence - without.decide(document).confidence, 6))
    assert rates != {0.0}


def test_metadata_tells_where_the_model_comes_from(model: Path, tmp_path: Path) -> None:
    assert main(["export", "--model", str(model), "--out", str(tmp_path / "bundle")]) == 0
    report = json.loads((model / "report.json").read_bytes())
    opened = open_bundle(tmp_path / "bundle")
    metadata = opened.metadata
    assert metadata["checkpoint_id"] == report["weight_hash"]
    assert metadata["dataset"]["dataset_hash"] == report["dataset"]["dataset_hash"]
    assert metadata["dataset"]["examples"] == 120
    assert metadata["metrics"] == report["metrics"]
    assert metadata["epoch"] == metadata["stability"]["policy_epoch"] == report["dataset"]["epoch"]
    assert metadata["created_at"] == metadata["trained_at"] == report["trained_at"]
    assert metadata["training"] == {
        "dataset_hash": report["dataset"]["dataset_hash"],
        "example_count": report["dataset"]["train"],
        "epochs": report["epochs"],
        "best_epoch": report["best_epoch"],
        "best_val_accuracy": report["metrics"]["val"]["exact"],
    }
    assert metadata["provenance"]["git_sha"] == metadata["git_sha"]
    assert metadata["provenance"]["config_hash"] == report["config_hash"]
    calibration = json.loads((tmp_path / "bundle" / "calibration.json").read_bytes())
    assert calibration["method"] == "temperature"
    assert calibration["temperature"] == report["calibration"]["temperatures"] == opened.temperatures
    assert calibration["validation_ece"] == report["calibration"]["after"]["ece"]
    assert calibration["calibration_date"] == report["trained_at"]


@pytest.mark.parametrize("out", ["there", "/proc/bundle"])
def test_a_place_that_cannot_be_taken_is_one_line(
    model: Path, tmp_path: Path, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there").write_text("mine")
    assert main(["export", "--model", str(model), "--out", str(tmp_path / out)]) in (1, 2)
    assert capsys.readouterr().err.count("\n") == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["there"]


@pytest.mark.parametrize("damage", ["no directory", "no report", "half a report", "other weights"])
def test_a_model_that_is_none_is_one_line_and_leaves_nothing(
    model: Path, tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "model"
    if damage != "no directory":
        copy.mkdir()
        for name in ("model.pt", "config.json", "report.json"):
            (copy / name).write_bytes((model / name).read_bytes())
    report = copy / "report.json"
    if damage == "no report":
        report.unlink()
    elif damage == "half a report":
        weight_hash = json.loads(report.read_bytes())["weight_hash"]
        report.write_text(json.dumps({"weight_hash": weight_hash}))
    elif damage == "other weights":
        (copy / "model.pt").write_bytes(b"no weights")
    capsys.readouterr()
    assert main(["export", "--model", str(copy), "--out", str(tmp_path / "bundle")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not [entry for entry in tmp_path.iterdir() if entry != copy]
