"""One suite for every experiment tracker, and for a training without one."""

import hashlib
from pathlib import Path

import pytest

from planner.dataset.read import Dataset, read_dataset
from planner.training.fitting.observer import EpochRow, NullObserver
from planner.training.log import EndState, TrainingEnd, TrainingStart
from planner.training.logged import train_logged
from planner.training.train import train
from tests.fixtures.made_once import made_once
from tests.fixtures.planner_examples import write_dataset
from tests.fixtures.training_logs import TRACKERS, StoredRun, Tracker, copy_database, new_database
from tests.unit.planner.training.conftest import quick

START = TrainingStart("model", {"seed": 7, "network.hidden": 64, "kind": "mlp"}, {"dataset_hash": "ab12"})
ROWS = [EpochRow(1, 0.02, 1.5, 1.25, 0.5), EpochRow(2, 0.01, 1.0, 0.75, 0.625)]
END = TrainingEnd({"test/exact": 0.5, "best/epoch": 2.0}, {"bundle_id": "mlp-0123"})


@pytest.fixture(params=sorted(TRACKERS))
def tracker(request: pytest.FixtureRequest) -> Tracker:
    return TRACKERS[request.param]


@pytest.fixture
def home(
    tracker: Tracker,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """An empty directory of logs; for MLflow with the tables of its database."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"):
        monkeypatch.delenv(name, raising=False)
    directory = tmp_path / "logs"
    directory.mkdir()
    if tracker is TRACKERS["mlflow"]:
        copy_database(made_once(tmp_path_factory, "mlflow", new_database), directory)
    return directory


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return read_dataset(write_dataset(tmp_path_factory.mktemp("data") / "d", n=240, seed=5))


def the_run(tracker: Tracker, home: Path) -> StoredRun | None:
    """The only run; None of a tracker that stores nothing."""
    runs = tracker.runs(home)
    assert len(runs) == tracker.stores
    return runs[0] if runs else None


def logged(tracker: Tracker, home: Path, state: EndState = "finished") -> None:
    log = tracker.open(home)
    log.start(START)
    for row in ROWS:
        log.epoch(row)
    if state == "finished":
        log.finish(END)
    log.close(state)


def test_everything_that_is_logged_is_read_back(tracker: Tracker, home: Path) -> None:
    logged(tracker, home)
    run = the_run(tracker, home)
    if run is None:
        assert not any(home.iterdir())
        return
    assert run.name == "model"
    assert {name: run.parameters[name] for name in ("network.hidden", "kind")} in (
        {"network.hidden": "64", "kind": "mlp"},
        {"network.hidden": "64.0", "kind": "mlp"},  # TensorBoard has one kind of number
    )
    assert float(run.parameters["seed"]) == 7
    assert run.tags == {"dataset_hash": "ab12", "bundle_id": "mlp-0123"}
    expected = {
        "train/loss": [(1, 1.5), (2, 1.0)],
        "val/loss": [(1, 1.25), (2, 0.75)],
        "val/accuracy": [(1, 0.5), (2, 0.625)],
        "learning_rate": [(1, 0.02), (2, 0.01)],
        "test/exact": [(2, 0.5)],
        "best/epoch": [(2, 2.0)],
    }
    assert set(run.series) == set(expected)
    for name, points in expected.items():
        assert [step for step, _ in run.series[name]] == [step for step, _ in points]
        assert [value for _, value in run.series[name]] == pytest.approx([value for _, value in points])
    assert run.state == "finished"


def test_each_epoch_is_seen_before_the_next(tracker: Tracker, home: Path) -> None:
    log = tracker.open(home)
    log.start(START)
    for row in ROWS:
        log.epoch(row)
        run = the_run(tracker, home)
        if run is not None:
            assert run.series["val/loss"][-1] == (row.epoch, row.val_loss)
            assert run.state is None
    log.close("killed")


@pytest.mark.parametrize("state", ["failed", "killed"])
def test_how_a_run_ended_is_stored(tracker: Tracker, home: Path, state: EndState) -> None:
    logged(tracker, home, state)
    run = the_run(tracker, home)
    assert run is None or run.state == state


def test_a_log_that_was_never_started_leaves_no_run(tracker: Tracker, home: Path) -> None:
    tracker.open(home).close("failed")
    assert tracker.runs(home) == []


def test_a_second_run_of_a_name_is_a_run_of_its_own(tracker: Tracker, home: Path) -> None:
    for _ in range(2):
        logged(tracker, home)
    runs = tracker.runs(home)
    assert [run.series["val/loss"] for run in runs] == [[(1, 1.25), (2, 0.75)]] * (2 * tracker.stores)


def files_of(model: Path) -> dict[str, str]:
    """Digests of a model directory; its report has the time of training."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in model.iterdir()
        if path.name != "report.json"
    }


@pytest.mark.parametrize("kind", ["mlp", "outcome"])
def test_training_gives_the_same_bytes_with_a_log_and_without(
    tracker: Tracker, home: Path, data: Dataset, tmp_path: Path, kind: str
) -> None:
    plain = train(data, quick(kind), tmp_path / "plain")
    report = train_logged(
        data, quick(kind), tmp_path / "model", tracker.open(home), observer=NullObserver(), warn=pytest.fail
    )
    for document in (plain, report):
        del document["trained_at"], document["examples_per_second"]
    assert report == plain
    assert files_of(tmp_path / "model") == files_of(tmp_path / "plain")
    run = the_run(tracker, home)
    if run is None:
        return
    assert run.tags["dataset_hash"] == data.meta.dataset_hash
    assert run.tags["policy_epoch"] == (data.meta.epoch or "mixed")
    assert run.tags["weight_hash"] == report["weight_hash"]
    assert float(run.parameters["network.hidden"]) == 64
    assert [step for step, _ in run.series["train/loss"]] == [1, 2, 3]
    ((step, exact),) = run.series["val/exact"]
    assert step == 3
    assert exact == pytest.approx(report["metrics"]["val"]["exact"])
    assert run.state == "finished"


class StopsAfter(NullObserver):
    """Ends the training as Ctrl-C does, in the epoch after `epochs`."""

    def __init__(self, epochs: int) -> None:
        self._left = epochs

    def epoch(self, row: EpochRow, best: bool) -> None:
        self._left -= 1

    def examples(self, count: int) -> None:
        if self._left == 0:
            raise KeyboardInterrupt


def test_a_resumed_run_is_complete_in_itself(
    tracker: Tracker, home: Path, data: Dataset, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    with pytest.raises(KeyboardInterrupt):
        train_logged(
            data,
            quick(),
            model,
            tracker.open(home),
            observer=StopsAfter(2),
            warn=pytest.fail,
            save_seconds=0,
        )
    train_logged(
        data, quick(), model, tracker.open(home), observer=NullObserver(), warn=pytest.fail, resume=True
    )
    runs = tracker.runs(home)
    assert [(run.state, [step for step, _ in run.series["val/loss"]]) for run in runs] == (
        [("killed", [1, 2]), ("finished", [1, 2, 3])] if tracker.stores else []
    )
