"""The regular look at a stream: what it covered, how it was decided, what can be learnt from it, what to add."""

import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from bench.config.models import BenchConfig
from bench.stream.coverage import Epoch, Ran, epochs_of, read_runs, ready_shapes, shapes_of
from bench.stream.lanes import lanes_view
from bench.stream.view import decisions_view
from db.repositories.coverage import CoverageCounts, EpochDecisionCount
from db.repositories.streams import DecisionCount
from planner.dataset.build import BuildOptions, Progress, build_dataset
from planner.dataset.epochs import UNKNOWN_EPOCH, epoch_of
from planner.dataset.read import Dataset, read_dataset
from planner.dataset.stats import dataset_stats
from planner.errors import PlannerError
from planner.space.heads import HEADS

Json = dict[str, Any]
MIN_EXAMPLES: Final = 500
"""What `planner train` asks for before it trains, unless told otherwise; so does the next."""
MIN_AGREEMENT: Final = 0.8


class Agreement(NamedTuple):
    """How often what ran is what the model itself had predicted, in one part of the action or in all."""

    part: str
    runs: int
    agreeing: int


class DatasetFacts(NamedTuple):
    """A dataset in figures; all but `problem` are empty where there is none."""

    document: Json
    problem: str | None


class Audit(NamedTuple):
    """All that the report says."""

    epochs: list[Epoch]
    lanes: Json
    """`lanes_view` of the newest epoch."""
    decisions: list[tuple[str, Json]]
    """`decisions_view` of every epoch."""
    agreement: list[Agreement]
    """Of the newest epoch."""
    explorable: int
    """Decisions of the newest epoch that exploration was open to."""
    dataset: DatasetFacts
    advice: list[str]

    @property
    def epoch(self) -> str:
        """The newest epoch."""
        return self.epochs[-1].epoch if self.epochs else UNKNOWN_EPOCH


def audit(
    engine: sa.Engine, config: BenchConfig, archives: Path, dataset: Path | None, progress: Progress
) -> Audit:
    """Look at all streams of a farm, and at `dataset`, else at the one that `archives` of the newest epoch make.

    The same farm and archives give the same audit.
    """
    runs = read_runs(engine)
    epochs = epochs_of(runs)
    newest = epochs[-1].epoch if epochs else UNKNOWN_EPOCH
    ours = [ran for ran in runs if ran.epoch == newest]
    lanes = lanes_view(shapes_of(ours), ready_shapes(engine, config))
    rows = [(epoch_of(row.stability or {}), row) for row in CoverageCounts(engine).decisions()]
    facts = _facts_of(dataset) if dataset is not None else _facts_from(archives, newest, progress)
    return Audit(
        epochs=epochs,
        lanes=lanes,
        decisions=_decisions(rows, [one.epoch for one in epochs]),
        agreement=agreement_of(ours),
        explorable=sum(row.n for epoch, row in rows if epoch == newest and row.explorable),
        dataset=facts,
        advice=[*lanes["advice"], *dataset_advice(facts.document)],
    )


def _decisions(
    rows: Sequence[tuple[str, EpochDecisionCount]], known: Sequence[str]
) -> list[tuple[str, Json]]:
    """By epoch, in the order of the epochs; those of which nothing has run yet come last."""
    by_epoch: defaultdict[str, list[DecisionCount]] = defaultdict(list)
    for epoch, row in rows:
        by_epoch[epoch].append(row.decisions)
    order = [epoch for epoch in known if epoch in by_epoch] + sorted(by_epoch.keys() - set(known))
    return [(epoch, decisions_view(by_epoch[epoch])) for epoch in order]


def agreement_of(runs: Sequence[Ran]) -> list[Agreement]:
    """The model's own predictions against what was executed, after caps and reductions; empty without any."""
    pairs = [(ran.predicted, ran.shape.action, ran.n) for ran in runs if ran.predicted is not None]
    if not pairs:
        return []
    total = sum(n for _, _, n in pairs)
    parts = [
        Agreement(name, total, sum(n for said, did, n in pairs if said[head] == did[head]))
        for head, name in enumerate(HEADS)
    ]
    return [*parts, Agreement("all four", total, sum(n for said, did, n in pairs if said == did))]


def _facts_from(archives: Path, epoch: str, progress: Progress) -> DatasetFacts:
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
    """What a dataset lacks before `planner train` takes it, a line each."""
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
