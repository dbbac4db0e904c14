"""`planner train --log`: the figures of a whole run, what fails before training, and what never stops it."""

import sys
from pathlib import Path

import pytest

from planner.actions import canonical_rank
from planner.cli.main import main
from planner.dataset.arrays import encode_examples
from planner.dataset.read import Dataset
from planner.policies.base import Observation, choose
from planner.training.exporting.model import export_model
from planner.training.fitting.observer import EpochRow, NullObserver
from planner.training.log import NoTrainingLog, TrainingStart, flattened
from planner.training.logged import train_logged
from planner.training.trained import load_trained
from tests.fixtures.training_logs import tensorboard_runs
from tests.unit.planner.training.conftest import quick
from tests.unit.planner.training.test_training_command import train

TOKEN = "s3cr3t"


def test_the_command_logs_test_metrics_and_the_bundle_that_export_will_write(
    data: Dataset, tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    options = ["--epochs", "2", "--seed", "9", "--log", "tensorboard", "--log-dir", str(logs)]
    assert train(data, tmp_path / "model", *options) == 0
    (run,) = tensorboard_runs(logs)
    bundle = export_model(tmp_path / "model", tmp_path / "bundle")
    assert run.tags["bundle_id"] == bundle.metadata["model_name"]
    assert run.tags["dataset_hash"] == data.meta.dataset_hash
    assert float(run.parameters["seed"]) == 9
    policy = load_trained(tmp_path / "model")
    labels = encode_examples(data.examples("test")).hard_cells
    chosen = choose(policy, [Observation(example["planner_input"]) for example in data.examples("test")])
    exact = sum(canonical_rank(action) == label for action, label in zip(chosen, labels, strict=True)) / len(
        labels
    )
    ((step, logged),) = run.series["test/exact"]
    assert step == 2
    assert logged == pytest.approx(exact)


@pytest.mark.parametrize(
    ("module", "log", "extra"),
    [("tensorboard", "tensorboard", "tensorboard"), ("mlflow", "mlflow", "mlflow")],
)
def test_an_extra_that_is_missing_is_named_before_training(
    data: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    module: str,
    log: str,
    extra: str,
) -> None:
    for name in list(sys.modules):
        if name.startswith((f"{module}.", "torch.utils.tensorboard", "planner.training.log_")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    assert train(data, tmp_path / "model", "--log", log) == 1
    expected = f"planner: {module} is not installed; it comes with: pip install 'bench-farm[{extra}]'\n"
    assert capsys.readouterr().err == expected
    assert not any(tmp_path.iterdir())


def test_a_directory_of_logs_that_cannot_be_made_is_refused_before_training(
    data: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    for log in ("tensorboard", "mlflow"):
        options = ["--log", log, "--log-dir", str(tmp_path / "file" / "logs")]
        assert train(data, tmp_path / "model", *options) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.endswith("Not a directory; name another directory")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_directory_without_a_log_is_refused(
    data: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(data, tmp_path / "model", "--log-dir", str(tmp_path)) == 2
    assert capsys.readouterr().err.endswith("Error: --log-dir needs --log\n")


def test_a_server_that_does_not_answer_is_refused_without_its_password(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:{TOKEN}@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert train(data, tmp_path / "model", "--log", "mlflow") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("planner: MLflow: API request to http://127.0.0.1:9/")
    assert line.endswith("check MLFLOW_TRACKING_URI and --log-dir")
    assert TOKEN not in line
    assert not any(tmp_path.iterdir())


def test_a_gate_that_refuses_the_data_leaves_no_run(data: Dataset, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    options = ["--min-examples", "1000", "--log", "tensorboard", "--log-dir", str(logs)]
    assert train(data, tmp_path / "model", *options) == 2
    assert tensorboard_runs(logs) == []


class FullDisk(NoTrainingLog):
    """Fails from its second epoch on."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def epoch(self, row: EpochRow) -> None:
        self.calls.append(f"epoch {row.epoch}")
        if row.epoch > 1:
            raise OSError(28, "No space left on device")


def test_a_log_that_fails_costs_one_line_and_no_training(data: Dataset, tmp_path: Path) -> None:
    log, lines = FullDisk(), list[str]()
    report = train_logged(data, quick(), tmp_path / "model", log, observer=NullObserver(), warn=lines.append)
    assert report["epochs"] == 3
    assert log.calls == ["epoch 1", "epoch 2"]
    assert lines == [
        "the training log failed, and training continues without it: OSError: [Errno 28] No space left on device"
    ]


class NoServer(NoTrainingLog):
    def start(self, run: TrainingStart) -> None:
        raise OSError("no server")


def test_a_run_that_cannot_be_started_stops_before_the_first_epoch(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no server"):
        train_logged(data, quick(), tmp_path / "model", NoServer(), observer=NullObserver(), warn=pytest.fail)
    assert not any(tmp_path.iterdir())


def test_nested_settings_have_joined_names() -> None:
    document = {"seed": 3, "network": {"hidden": 64, "note": None}, "weights": [1.0, 2.0]}
    assert flattened(document) == {"seed": 3, "network.hidden": 64, "weights": "[1.0, 2.0]"}


def test_help_names_the_trackers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    assert "[tensorboard|mlflow]" in capsys.readouterr().out
