"""`planner train` as a user meets it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from planner.cli.main import main
from planner.dataset.read import Dataset

SMALL = ["--hidden", "64", "--depth", "2", "--threads", "1", "--min-examples", "1", "--min-agreement", "0"]


def train(data: Dataset, out: Path, *options: str) -> int:
    return main(
        ["train", "--dataset", str(data.directory), "--out", str(out), "--policy", "mlp", *SMALL, *options]
    )


def test_it_shows_each_epoch_and_a_table(
    data: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(data, tmp_path / "model", "--epochs", "2") == 0
    shown = capsys.readouterr()
    assert [line[:9] for line in shown.err.splitlines()] == ["epoch   1", "epoch   2"]
    for name in ("validation loss", "exact match", "temperatures", "examples/s"):
        assert name in shown.out


def test_options_reach_the_configuration(data: Dataset, tmp_path: Path) -> None:
    from planner.training.trained import load_trained

    options = [
        "--epochs",
        "1",
        "--learning-rate",
        "0.01",
        "--seed",
        "9",
        "--layout",
        "2",
        "--weigh",
        "cost",
        "0.4",
        "--policy",
        "outcome",
    ]
    assert train(data, tmp_path / "model", *options) == 0
    policy = load_trained(tmp_path / "model")
    assert (policy.report["config"]["seed"], policy.config["kind"]) == (9, "outcome")
    assert policy.config["decision"]["cost"] == 0.4
    assert policy.config["network"] | {"layout": 2, "hidden": 64, "depth": 2} == policy.config["network"]


@pytest.mark.slow
def test_sigterm_ends_it_in_one_line_and_leaves_nothing(data: Dataset, tmp_path: Path) -> None:
    asked = ["train", "--dataset", str(data.directory), "--out", str(tmp_path / "model"), "--policy", "mlp"]
    command = [sys.executable, "-m", "planner.cli.main", *asked, *SMALL]
    options = ["--epochs", "5000", "--patience", "5000", "--save-every", "1000"]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr.readline().startswith("epoch   1 ")
        process.send_signal(signal.SIGTERM)
        lines = [line for line in process.stderr.read().split("\n") if line and line[:5] != "epoch"]
    assert (process.returncode, lines) == (130, ["interrupted"])
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_a_gpu_that_is_not_there_is_said_so(
    data: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(data, tmp_path / "model", "--device", "cuda") == 2
    assert "no GPU: torch " in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_what_is_no_dataset_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["train", "--dataset", str(tmp_path), "--out", str(tmp_path / "model"), "--policy", "mlp"]
    assert main(options) == 2
    assert "is no dataset: meta.json is missing" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_fails_before_training(
    data: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert train(data, tmp_path / "file" / "model") == 1
    shown = capsys.readouterr().err
    assert shown.startswith("planner: ")
    assert "epoch" not in shown
