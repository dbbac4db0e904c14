"""Resumable ablation study: training with one setting changed at a time, one file a finished row."""

import json
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from planner.canonical import sha256_json
from planner.dataset.read import Dataset
from planner.encoding.layout import HISTORY_SLOTS, LAYOUT_V3, MOST_RUNS
from planner.errors import PlannerError
from planner.evaluation.decisions import Decisions, decide
from planner.system.atomic import write_atomic
from planner.system.progress import ProgressReporter, no_progress
from planner.training.config import TrainingConfig
from planner.training.train import train
from planner.training.trained import load_trained

BASE: Final = "base"
HISTORY: Final = 8
GROUPS: Final = ("history", "depth", "hidden", "dropout", "smoothing", "policy", "layout")
SCHEMA_VERSION: Final = "cyntra.planner_ablation_row.v1"
_ROWS, _WORK = "rows", "work"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table."""

    group: str
    name: str
    config: TrainingConfig
    history: int = HISTORY
    """Number of the newest runs of the history that are used."""

    def impossible(self, longest: int) -> str | None:
        """Why the row cannot be trained on histories of at most `longest` runs, or None."""
        if self.history <= HISTORY_SLOTS:
            return None
        if self.config.kind == "sequence":
            return f"the tokens hold {HISTORY_SLOTS} runs"
        if self.history > longest:
            return f"its histories have {longest} runs at most; build it with --similar-runs {self.history}"
        return None


@dataclass(frozen=True, slots=True)
class Row:
    """A finished row: the policy's decisions on the validation split, or the reason without one."""

    setting: Setting
    refused: str | None
    decisions: Decisions | None
    parameters: int | None
    epochs: int | None
    seconds: float | None


def settings(base: TrainingConfig, only: Sequence[str] = ()) -> list[Setting]:
    """The base and every setting that differs from it, in the order of `GROUPS`; `only` selects groups."""
    rows = [
        Setting(BASE, BASE, base),
        *(setting for setting in _changed(base) if setting.group in (only or GROUPS)),
    ]
    return [
        setting
        for setting in rows
        if setting.name == BASE or (setting.config, setting.history) != (base, HISTORY)
    ]


def _changed(base: TrainingConfig) -> Iterable[Setting]:
    shape = base.network
    yield from (Setting("history", f"history {runs}", base, runs) for runs in (0, 1, 4, 8))
    longer = replace(base, network=replace(shape, layout=LAYOUT_V3.version))
    yield Setting("history", f"history {MOST_RUNS}", longer, MOST_RUNS)
    for depth in (1, 2, 3, 4):
        yield Setting("depth", f"depth {depth}", replace(base, network=replace(shape, depth=depth)))
    for hidden in (128, 256, 512, 1024):
        yield Setting("hidden", f"hidden {hidden}", replace(base, network=replace(shape, hidden=hidden)))
    for dropout in (0.0, 0.1, 0.2, 0.3):
        yield Setting(
            "dropout", f"dropout {dropout:g}", replace(base, network=replace(shape, dropout=dropout))
        )
    for smoothing in (0.0, 0.05, 0.1, 0.2):
        yield Setting("smoothing", f"smoothing {smoothing:g}", replace(base, smoothing=smoothing))
    for kind in ("mlp", "joint", "autoregressive", "sequence"):
        yield Setting("policy", f"policy {kind}", replace(base, kind=kind))
    yield Setting("layout", "layout with keywords", replace(base, network=replace(shape, layout=2)))


def ablate(
    dataset: Dataset,
    rows: Sequence[Setting],
    out: Path,
    report: Callable[[str], None],
    progress: ProgressReporter = no_progress,
) -> list[Row]:
    """Train and evaluate every row; finished rows in `out` are reused. `report` is called with the row that starts.

    A killed study resumes from its checkpoint, also within a row. A row that the feasibility gates refuse is kept with
    the reason. Rows of another dataset or configuration in `out` are ignored.

    Raises `PlannerError` where the validation split is empty or the base is refused.
    """
    if not dataset.meta.split_counts.get("val"):
        raise PlannerError(f"{dataset.directory}: the val split is empty; rows cannot be compared")
    finished = []
    for number, setting in enumerate(progress(rows, "training settings"), start=1):
        key = _key(dataset, setting)
        row_file = out / _ROWS / f"{key}.json"
        if row_file.exists():
            row = _read(row_file, setting)
        else:
            report(f"{number}/{len(rows)} {setting.name}")
            row = _run(dataset, setting, out / _WORK / key)
            _write(row_file, row)
        finished.append(row)
    shutil.rmtree(out / _WORK, ignore_errors=True)
    return finished


def _run(dataset: Dataset, setting: Setting, work: Path) -> Row:
    impossible = setting.impossible(dataset.meta.n_similar_runs)
    if impossible is not None:
        return Row(setting, impossible, None, None, None, None)
    work.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    try:
        if not work.exists():
            train(dataset, setting.config, work, resume=True, change=_cut(setting.history))
    except PlannerError as refusal:
        if setting.name == BASE:
            raise
        return Row(setting, str(refusal), None, None, None, None)
    seconds = time.monotonic() - started
    policy = load_trained(work)
    cut = _cut(setting.history)
    inputs = (cut(example)["planner_input"] for example in dataset.examples("val"))
    decisions = replace(decide([policy], inputs)[0], policy_id=setting.name)
    size = sum(weights.numel() for weights in policy.module.parameters())
    shutil.rmtree(work)
    return Row(setting, None, decisions, size, policy.report["epochs"], round(seconds, 1))


def _cut(runs: int) -> Callable[[Json], Json]:
    """A transformation that truncates an example's history to the newest `runs`."""

    def cut(example: Json) -> Json:
        planner_input = example["planner_input"]
        runs_held = planner_input["history"]["last_n_similar_runs"]
        history = {**planner_input["history"], "last_n_similar_runs": runs_held[:runs]}
        return {**example, "planner_input": {**planner_input, "history": history}}

    return cut


def _key(dataset: Dataset, setting: Setting) -> str:
    """File name of a row: it depends on the digest of the data and the configuration."""
    identity = {
        "dataset_hash": dataset.meta.dataset_hash,
        "config": setting.config.document(),
        "history": setting.history,
    }
    return f"{setting.name.replace(' ', '-')}-{sha256_json(identity)[:16]}"


def _write(path: Path, row: Row) -> None:
    decisions = row.decisions
    document = {
        "schema_version": SCHEMA_VERSION,
        "name": row.setting.name,
        "history": row.setting.history,
        "config": row.setting.config.document(),
        "refused": row.refused,
        "parameters": row.parameters,
        "epochs": row.epochs,
        "seconds": row.seconds,
        "decisions": decisions
        and {
            "cells": decisions.cells.tolist(),
            "probability": decisions.probability.tolist(),
            "head_probabilities": decisions.head_probabilities.tolist(),
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(document, allow_nan=False) + "\n")


def _read(path: Path, setting: Setting) -> Row:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PlannerError(f"{path}: not a finished row: {error}; remove it and run again") from None
    stored = document["decisions"]
    decisions = stored and Decisions(
        setting.name,
        np.array(stored["cells"], dtype=np.int16),
        np.array(stored["probability"]),
        np.array(stored["head_probabilities"]),
    )
    values = (document[name] for name in ("refused", "parameters", "epochs", "seconds"))
    refused, parameters, epochs, seconds = values
    return Row(setting, refused, decisions, parameters, epochs, seconds)
