"""Training pipeline from a dataset to a verified bundle, by `planner` subprocesses, so that torch is not imported."""

import json
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.errors import FailureError
from planner.system.own_module import module_command

DATASET: Final = "dataset"
POLICY_BUNDLE: Final = "policy"
CONTROL_BUNDLE: Final = "control"
FEW_LABELS: Final = ("--batch-size", 8, "--learning-rate", 1e-3, "--min-examples", 1, "--min-agreement", 0)
"""Flags of `planner train` for a few dozen examples: smaller batches, since batches of 64 give too few steps, and
lower thresholds of the checks before training; a caller has to report that."""


class Learnt(NamedTuple):
    """Artifacts of one training, in the directory of its dataset."""

    name: str
    """The display name of the dataset."""
    home: Path
    report: dict[str, Any]
    """The training report of the policy."""

    @property
    def dataset(self) -> Path:
        """The dataset it was trained on."""
        return self.home / DATASET

    @property
    def bundle(self) -> Path:
        """The verified bundle of the policy."""
        return self.home / POLICY_BUNDLE

    @property
    def control(self) -> Path:
        """The bundle of the same network, trained on shuffled labels."""
        return self.home / CONTROL_BUNDLE


@dataclass(frozen=True, slots=True)
class Planner:
    """Runs `planner` commands; their output is appended to a log."""

    log: Path

    def run(self, *arguments: object) -> None:
        """Run one command.

        Raises: `FailureError` with its last line of output where it fails.
        """
        words = [str(argument) for argument in arguments]
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ planner {' '.join(words)}\n")
            log.flush()
            command = module_command("planner.cli.main", *words)
            done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            last_line = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1]
            reason = last_line.removeprefix("planner: ")
            raise FailureError(f"planner {words[0]} failed: {reason} (its output is in {self.log})")

    def learn_one(self, dataset: Path, home: Path, name: str, flags: Sequence[object]) -> None:
        """Train, export and verify the bundle `home/name`; its model is `home/name-model`.

        Raises: `FailureError` where a step fails.
        """
        model, bundle = _model(home, name), home / name
        home.mkdir(parents=True, exist_ok=True)
        self.run("train", "--dataset", dataset, "--out", model, *flags)
        self.run("export", "--model", model, "--out", bundle)
        self.run("verify", bundle)


def learn(name: str, home: Path, flags: Sequence[object], *, with_control: bool = True) -> Learnt:
    """Train, export and verify a policy on `home/dataset`, and its control on shuffled labels with the same `flags`.

    Raises: `FailureError` where a step fails.
    """
    wanted = {POLICY_BUNDLE: [*flags]}
    if with_control:
        wanted[CONTROL_BUNDLE] = [*flags, "--shuffle-labels"]
    with ThreadPoolExecutor(len(wanted)) as pool:
        running = [pool.submit(_learn_one, home, bundle, asked) for bundle, asked in wanted.items()]
    for future in running:
        future.result()
    report = json.loads((_model(home, POLICY_BUNDLE) / "report.json").read_text(encoding="utf-8"))
    return Learnt(name, home, report)


def _learn_one(home: Path, name: str, flags: Sequence[object]) -> None:
    # One thread each: policy and control share the machine, and torch's spinning threads would take the other cores.
    Planner(home / f"{name}.log").learn_one(home / DATASET, home, name, ["--threads", 1, *flags])


def _model(home: Path, name: str) -> Path:
    return home / f"{name}-model"
