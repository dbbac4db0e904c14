"""Training whole: what it learns, what it leaves behind, and that a kill changes nothing."""

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from planner.actions import canonical_rank
from planner.cli.main import main
from planner.dataset.arrays import encode_examples
from planner.dataset.read import Dataset, read_dataset
from planner.errors import PlannerError
from planner.policies.base import Observation, choose
from planner.training.checkpoint import save
from planner.training.fitting.feasibility import Gates
from planner.training.fitting.observer import EpochRow, NullObserver
from planner.training.networks.network import KINDS
from planner.training.train import TrainingData, train
from planner.training.trained import load_trained
from tests.fixtures.planner_examples import examples, write_dataset, write_examples
from tests.unit.planner.system.test_atomic import file_size_limit
from tests.unit.planner.training.conftest import quick

BETWEEN = 100_000
"""Bytes: more than the curves and their picture, less than the weights."""


class StopError(Exception):
    """Raised where a test wants a training to die."""


class StopsAfter(NullObserver):
    """Lets so many epochs finish, and dies in the next."""

    def __init__(self, epochs: int) -> None:
        self._left = epochs

    def epoch(self, row: EpochRow, best: bool) -> None:
        self._left -= 1

    def examples(self, count: int) -> None:
        if self._left == 0:
            raise StopError


def curves(model: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((model / "curves.csv").read_text().splitlines()))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_learns_is_written_and_is_read_back(data: Dataset, tmp_path: Path, kind: str) -> None:
    report = train(data, quick(kind), tmp_path / "model")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "config.json",
        "curves.csv",
        "curves.png",
        "model.pt",
        "report.json",
    ]
    assert json.loads((tmp_path / "model" / "report.json").read_text()) == report
    assert report["best"]["val_loss"] < report["random_loss"]
    rows = curves(tmp_path / "model")
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert float(rows[-1]["train_loss"]) < float(rows[0]["train_loss"])
    asked = [Observation(example["planner_input"]) for example in data.examples("test")]
    policy = load_trained(tmp_path / "model")
    distributions = policy.distributions(asked)
    assert all(entry.sum() == pytest.approx(1) for entry in distributions)
    assert len({tuple(np.round(entry, 6)) for entry in distributions if len(entry) == 30}) > 1


def test_real_labels_are_learnt_and_shuffled_ones_are_not(tmp_path: Path) -> None:
    """The labels follow from risk and size with 15 % of noise; a shuffled control knows only how often each is."""
    dataset = read_dataset(write_dataset(tmp_path / "data", n=1200, seed=1, job_type="code", benched=False))
    labels = encode_examples(dataset.examples("test")).hard_cells
    asked = [Observation(example["planner_input"]) for example in dataset.examples("test")]
    exact = {}
    for shuffle in (False, True):
        out = tmp_path / str(shuffle)
        train(dataset, quick(epochs=15, shuffle_labels=shuffle), out)
        chosen = [canonical_rank(action) for action in choose(load_trained(out), asked)]
        exact[shuffle] = np.mean(chosen == labels)
    commonest = np.bincount(labels).max() / len(labels)
    assert exact[False] > 0.6
    assert exact[True] < commonest + 0.1


def test_an_outcome_policy_takes_what_passes(tmp_path: Path) -> None:
    """In the data an execution passes where it had an hour or more."""
    documents = examples(300, seed=2, benched=True, job_type="code")
    for candidate in (entry for document in documents for entry in document["candidates"]):
        passed = candidate["action"][2] in (60, 120)
        status = "success" if passed else "failed"
        candidate["outcome"] |= {"status": status, "all_gates_passed": passed}
    dataset = read_dataset(write_examples(tmp_path / "data", documents))
    report = train(dataset, quick("outcome", epochs=15), tmp_path / "model")
    assert report["best"]["val_accuracy"] > 0.9
    assert 0 <= report["calibration"]["after"]["calibration"]["passed"]["ece"] < 0.2
    assert set(report["calibration"]["temperatures"].values()) == {1.0}
    asked = [Observation(example["planner_input"]) for example in dataset.examples("test")]
    chosen = choose(load_trained(tmp_path / "model"), asked)
    assert {action.max_minutes_bin for action in chosen} <= {60, 120}


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(data: Dataset, tmp_path: Path) -> None:
    hashes = [
        train(data, quick(seed=seed), tmp_path / str(index))["weight_hash"]
        for index, seed in enumerate((7, 7, 8))
    ]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize("kind", ["mlp", "outcome"])
def test_a_training_that_died_goes_on_as_if_it_had_not(data: Dataset, tmp_path: Path, kind: str) -> None:
    config = quick(kind, epochs=4)
    whole = train(data, config, tmp_path / "whole")
    with pytest.raises(StopError):
        train(data, config, tmp_path / "died", save_seconds=0, observer=StopsAfter(2))
    assert not (tmp_path / "died").exists()
    with pytest.raises(PlannerError, match="was not finished: continue with --resume, or remove"):
        train(data, config, tmp_path / "died")
    with pytest.raises(PlannerError, match="is no trained model; finish it with planner train --resume"):
        load_trained(tmp_path / "died")
    with pytest.raises(PlannerError, match="was started with another configuration; resume with the same"):
        train(data, quick(kind, epochs=5), tmp_path / "died", resume=True)
    other = read_dataset(write_dataset(tmp_path / "other", n=60, seed=6))
    with pytest.raises(PlannerError, match="was started with another dataset"):
        train(other, config, tmp_path / "died", resume=True)
    gone_on = train(data, config, tmp_path / "died", resume=True)
    assert gone_on["weight_hash"] == whole["weight_hash"]
    assert (tmp_path / "died" / "curves.csv").read_bytes() == (tmp_path / "whole" / "curves.csv").read_bytes()
    assert not (tmp_path / "died.unfinished").exists()


@pytest.mark.parametrize("save_seconds", [0, 1000])
def test_a_full_disk_is_one_line_and_leaves_nothing(
    data: Dataset, tmp_path: Path, save_seconds: float
) -> None:
    with file_size_limit(BETWEEN), pytest.raises(OSError, match="File too large") as failed:
        train(data, quick(epochs=1), tmp_path / "model", save_seconds=save_seconds)
    assert str(tmp_path / "model.unfinished") in failed.value.filename
    assert not any(tmp_path.iterdir())


def test_a_disk_that_fills_at_the_end_leaves_what_to_go_on_from(data: Dataset, tmp_path: Path) -> None:
    config = quick(epochs=2)
    with pytest.raises(StopError):
        train(data, config, tmp_path / "model", save_seconds=0, observer=StopsAfter(1))
    with file_size_limit(BETWEEN), pytest.raises(OSError, match="File too large"):
        train(data, config, tmp_path / "model", resume=True)
    assert [path.name for path in (tmp_path / "model.unfinished").iterdir()] == ["resume.pt"]
    gone_on = train(data, config, tmp_path / "model", resume=True)
    assert gone_on["weight_hash"] == train(data, config, tmp_path / "whole")["weight_hash"]


def test_a_draft_that_a_kill_left_does_not_get_into_the_model(data: Dataset, tmp_path: Path) -> None:
    (tmp_path / "model.unfinished").mkdir()
    (tmp_path / "model.unfinished" / ".resume.pt.draft-1").write_bytes(b"half a state")
    train(data, quick(epochs=1), tmp_path / "model", resume=True)
    assert not [path for path in (tmp_path / "model").iterdir() if path.name.startswith(".")]


def test_a_finished_model_is_never_overwritten(data: Dataset, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(PlannerError, match="exists already"):
        train(data, quick(), tmp_path / "model", resume=True)


def test_what_takes_the_place_of_a_model_meanwhile_does_not_cost_the_training(
    data: Dataset, tmp_path: Path
) -> None:
    class Taken(NullObserver):
        def epoch(self, row: EpochRow, best: bool) -> None:
            (tmp_path / "model").mkdir(exist_ok=True)
            (tmp_path / "model" / "note").touch()

    with pytest.raises(PlannerError, match="exists already"):
        train(data, quick(epochs=2), tmp_path / "model", save_seconds=0, observer=Taken())
    shutil.rmtree(tmp_path / "model")
    assert train(data, quick(epochs=2), tmp_path / "model", resume=True)["examples_per_second"] is None


def test_other_propensities_are_another_dataset() -> None:
    held = encode_examples(examples(20, seed=1, benched=True, job_type="code"))
    rarer = replace(held, outcomes=replace(held.outcomes, propensity=held.outcomes.propensity / 2))
    gates = Gates(20, 0, None)
    assert TrainingData(held, held, gates).hash() != TrainingData(rarer, held, gates).hash()


def test_features_that_training_never_saw_say_nothing(data: Dataset, tmp_path: Path) -> None:
    train(data, quick(), tmp_path / "model")
    table = load_trained(tmp_path / "model").module.first.weight
    seen = set(encode_examples(data.examples("train")).positions.tolist())
    silent = [row for row in range(len(table)) if row not in seen]
    assert (table[silent] == 0).all()
    assert all((table[row] != 0).any() for row in seen)


def test_temperatures_make_validation_likelier(data: Dataset, tmp_path: Path) -> None:
    report = train(data, quick(epochs=2), tmp_path / "model")
    before, after = (report["calibration"][state]["calibration"] for state in ("before", "after"))
    for head in ("swarm", "candidates", "minutes"):
        assert after[head]["nll"] <= before[head]["nll"] + 1e-9
    assert json.loads((tmp_path / "model" / "config.json").read_text())["temperatures"] == pytest.approx(
        report["calibration"]["temperatures"]
    )


def test_patience_ends_a_training_that_gains_nothing_and_the_best_epoch_is_kept(
    data: Dataset, tmp_path: Path
) -> None:
    report = train(data, quick(epochs=60, learning_rate=0.02, patience=3), tmp_path / "model")
    losses = [float(row["val_loss"]) for row in curves(tmp_path / "model")]
    assert report["epochs"] == len(losses) == report["best_epoch"] + 3 < 60
    assert min(losses) == losses[report["best_epoch"] - 1] == report["best"]["val_loss"]


@pytest.fixture
def model(data: Dataset, tmp_path: Path) -> Path:
    train(data, quick(epochs=1), tmp_path / "model")
    return tmp_path / "model"


def change_config(model: Path, **changes: object) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | changes))


def test_a_model_that_is_not_as_it_was_written_is_refused_in_one_line(model: Path) -> None:
    damages = {
        "report.json is missing": lambda at: (at / "report.json").unlink(),
        "model.pt is not the file that report.json describes": lambda at: save({}, at / "model.pt"),
        "model.pt cannot be read": lambda at: (at / "model.pt").write_bytes(b"PK\x03\x04 half a file"),
        "not JSON": lambda at: (at / "config.json").write_text("{"),
        "schema_version 'v9'": lambda at: change_config(at, schema_version="v9"),
        "trained for another encoding": lambda at: change_config(at, layout_fingerprint="f" * 64),
        "is damaged": lambda at: change_config(at, network={"wings": 2}),
        "does not fit config.json": lambda at: change_config(at, network={"hidden": 32}),
    }
    for message, damage in damages.items():
        copy = model.with_name("copy")
        shutil.copytree(model, copy)
        damage(copy)
        with pytest.raises(PlannerError) as refused:
            load_trained(copy)
        assert message in str(refused.value)
        assert "\n" not in str(refused.value)
        shutil.rmtree(copy)


SMALL = [
    "--policy",
    "mlp",
    "--hidden",
    "64",
    "--depth",
    "2",
    "--threads",
    "1",
    "--min-examples",
    "1",
    "--min-agreement",
    "0",
]


# Killed from outside, a quick machine would be done before the kill.
KILLED_IN_EPOCH_5 = """
import os, signal, sys
from planner.cli import training_progress
from planner.cli.main import main

class Killed(training_progress.TrainingProgress):
    def epoch(self, row, best):
        self.over = row.epoch
    def examples(self, count):
        if getattr(self, "over", 0) == 4:
            os.kill(os.getpid(), signal.SIGKILL)

training_progress.TrainingProgress = Killed
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_killed_process_goes_on_to_the_same_weights_as_one_that_was_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_dataset(tmp_path / "data", n=240, seed=5)
    asked = [
        "train",
        "--dataset",
        str(data),
        *SMALL,
        "--epochs",
        "30",
        "--patience",
        "30",
        "--save-every",
        "0",
    ]
    out = ["--out", str(tmp_path / "killed")]
    killed = subprocess.run([sys.executable, "-c", KILLED_IN_EPOCH_5, *asked, *out], timeout=240)
    assert killed.returncode == -9
    assert [path.name for path in (tmp_path / "killed.unfinished").iterdir() if path.name[0] != "."] == [
        "resume.pt"
    ]
    assert main([*asked, *out, "--resume"]) == 0
    assert "resuming after epoch 4\n" in capsys.readouterr().err
    assert main([*asked, "--out", str(tmp_path / "whole")]) == 0
    hashes = {
        json.loads((tmp_path / name / "report.json").read_text())["weight_hash"]
        for name in ("whole", "killed")
    }
    assert len(hashes) == 1
