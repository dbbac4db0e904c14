"""Audit of a stream: coverage of the lanes, decisions, agreement with the model, the dataset, and advice."""

import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from bench.config.models import BenchConfig
from bench.stream.coverage import Epoch, RunGroup, epochs_of, read_runs, ready_shapes, shapes_of
from bench.stream.lanes import lanes_view
from bench.stream.view import decisions_view
from db.repositories.coverage import CoverageCounts, EpochDecisionCount
from db.repositories.streams import DecisionCount
from planner.dataset.build import BuildOptions, build_dataset
from planner.dataset.epochs import UNKNOWN_EPOCH, epoch_of
from planner.dataset.read import Dataset, read_dataset
from planner.dataset.stats import dataset_stats
from planner.errors import PlannerError
from planner.space.heads import HEADS
from planner.system.progress import ProgressReporter

Json = dict[str, Any]
MIN_EXAMPLES: Final = 500
"""Examples of code that `planner train` requires by default."""
MIN_AGREEMENT: Final = 0.8
"""Share of near-duplicates with the same label that `planner train` requires by default."""


class PredictionAgreement(NamedTuple):
    """Agreement rate of the executed actions with the model's predictions, for one head or for all four."""

    part: str
    runs: int
    agreeing: int


class DatasetFacts(NamedTuple):
    """Metadata and statistics of a dataset."""

    document: Json
    """Empty where there is no dataset."""
    problem: str | None
    """Why there is no dataset."""


class Audit(NamedTuple):
    """The contents of an audit report."""

    epochs: list[Epoch]
    lanes: Json
    """`lanes_view` of the newest epoch."""
    decisions: list[tuple[str, Json]]
    """`decisions_view` of every epoch."""
    agreement: list[PredictionAgreement]
    """Of the newest epoch."""
    explorable: int
    """Decisions of the newest epoch that were eligible for exploration."""
    dataset: DatasetFacts
    advice: list[str]

    @property
    def epoch(self) -> str:
        """The newest epoch."""
        return self.epochs[-1].epoch if self.epochs else UNKNOWN_EPOCH


def audit(
    engine: sa.Engine, config: BenchConfig, archives: Path, dataset: Path | None, progress: ProgressReporter
) -> Audit:
    """The audit of all streams of a farm; deterministic for the same farm and archives.

    Returns the figures of `dataset`, or of the dataset that is built from `archives` of the newest epoch where
    `dataset` is None. A dataset that cannot be built is a `problem` in the audit; one that cannot be read raises
    `PlannerError`.
    """
    runs = read_runs(engine)
    epochs = epochs_of(runs)
    newest = epochs[-1].epoch if epochs else UNKNOWN_EPOCH
    newest_runs = [group for group in runs if group.epoch == newest]
    lanes = lanes_view(shapes_of(newest_runs), ready_shapes(engine, config))
    rows = [(epoch_of(row.stability or {}), row) for row in CoverageCounts(engine).decisions()]
    facts = _facts_of(dataset) if dataset is not None else _facts_from(archives, newest, progress)
    return Audit(
        epochs=epochs,
        lanes=lanes,
        decisions=_decisions(rows, [summary.epoch for summary in epochs]),
        agreement=agreement_of(newest_runs),
        explorable=sum(row.n for epoch, row in rows if epoch == newest and row.explorable),
        dataset=facts,
        advice=[*lanes["advice"], *dataset_advice(facts.document)],
    )


def _decisions(
    rows: Sequence[tuple[str, EpochDecisionCount]], known: Sequence[str]
) -> list[tuple[str, Json]]:
    """Decisions by epoch, in the order of the epochs; epochs without a finished run are last."""
    by_epoch: defaultdict[str, list[DecisionCount]] = defaultdict(list)
    for epoch, row in rows:
        by_epoch[epoch].append(row.decisions)
    order = [epoch for epoch in known if epoch in by_epoch] + sorted(by_epoch.keys() - set(known))
    return [(epoch, decisions_view(by_epoch[epoch])) for epoch in order]


def agreement_of(runs: Sequence[RunGroup]) -> list[PredictionAgreement]:
    """Agreement of the model's predictions with the executed actions, after caps and reductions.

    Returns one entry for each head and one for all four; an empty list where nothing was predicted.
    """
    pairs = [(group.predicted, group.shape.action, group.n) for group in runs if group.predicted is not None]
    if not pairs:
        return []
    total = sum(n for _, _, n in pairs)
    parts = [
        PredictionAgreement(name, total, sum(n for model, ran, n in pairs if model[head] == ran[head]))
        for head, name in enumerate(HEADS)
    ]
    return [*parts, PredictionAgreement("all four", total, sum(n for model, ran, n in pairs if model == ran))]


def _facts_from(archives: Path, epoch: str, progress: ProgressReporter) -> DatasetFacts:
    with tempfile.TemporaryDirectory(prefix="bench-audit-") as directory:
        target = Path(directory) / "dataset"
        try:
            build_dataset(target, BuildOptions(archives=[archives], epoch=epoch), progress)
        except PlannerError as error:
            return DatasetFacts({}, str(error))
        return _facts_of(target)


def _facts_of(directory: Path) -> DatasetFacts:
    read: Dataset = read_dataset(directory)
    return DatasetFacts({**read.meta.document(), **dataset_stats(read).document()}, None)


def dataset_advice(document: Mapping[str, Any]) -> list[str]:
    """What a dataset lacks for `planner train`, one line for each requirement that is not met."""
    lines = []
    lacking = MIN_EXAMPLES - document.get("by_job_type", {}).get("code", 0)
    if lacking > 0:
        lines.append(f"{lacking} more examples of code: training asks for {MIN_EXAMPLES}")
    share = document.get("near_duplicates", {}).get("agreement")
    if share is not None and share < MIN_AGREEMENT:
        lines.append(
            f"near-duplicates agree in {share:.0%}, training asks for {MIN_AGREEMENT:.0%}: "
            "runs of like issues were worked on differently; keep the routing steady"
        )
    return lines
