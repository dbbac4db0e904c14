"""Coverage of the lanes by the runs of streams, by policy epoch."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from bench.config.models import BenchConfig
from bench.config.routing import first_match
from bench.intake.issue import Issue
from bench.stream.board import Board
from bench.stream.dispatch import heuristic_action
from db.repositories.coverage import CoverageCounts, RunCount
from db.repositories.streams import Streams
from planner.actions import Action
from planner.dataset.arrays import label_of
from planner.dataset.epochs import epoch_of
from planner.dataset.facts import ActualPlan
from planner.dataset.lanes import LANES, lane_of
from planner.dataset.read import Dataset
from planner.dataset.runs import executed_action

Json = dict[str, Any]


class Shape(NamedTuple):
    """A kind of run: the risk and size of the issue, and the executed action."""

    risk: str
    size: str
    action: Action

    @property
    def lane(self) -> str | None:
        """The lane that the shape is in, or None."""
        return lane_of(self.risk, self.size, self.action)


class RunGroup(NamedTuple):
    """`n` scored runs with the same epoch, mode, shape, prediction and result."""

    epoch: str
    mode: str
    """off, log or enforce"""
    shape: Shape
    predicted: Action | None
    """The model's prediction; None where the model was off or abstained."""
    passed: bool
    n: int
    first: datetime
    last: datetime


class Epoch(NamedTuple):
    """A policy epoch: when it ran first and last, and its runs by lane."""

    epoch: str
    runs: int
    first: datetime
    last: datetime
    lanes: Counter[str | None]


def read_runs(engine: sa.Engine) -> list[RunGroup]:
    """All scored runs of all streams, grouped."""
    return [_run_group(row) for row in CoverageCounts(engine).runs()]


def _run_group(row: RunCount) -> RunGroup:
    plan = row.executed_plan
    executed = ActualPlan(
        plan["swarm_id_executed"],
        plan["max_candidates_executed"],
        plan["timeout_seconds_executed"],
        plan["max_iterations_executed"],
        inferred=False,
    )
    asked = row.mode != "off" and not row.abstains
    return RunGroup(
        epoch=epoch_of(row.stability or {}),
        mode=row.mode,
        shape=Shape(row.risk, row.size, executed_action(executed, row.job_type)),
        predicted=_predicted(row) if asked else None,
        passed=row.status == "success",
        n=row.n,
        first=row.first,
        last=row.last,
    )


def _predicted(row: RunCount) -> Action | None:
    budgets = row.predicted_budgets
    if budgets is None or row.predicted_swarm is None:
        return None
    names = ("max_candidates_bin", "max_minutes_bin", "max_iterations_bin")
    return Action(row.predicted_swarm, *(budgets[name] for name in names))


def shapes_of(runs: Iterable[RunGroup]) -> Counter[Shape]:
    """Number of runs by shape."""
    shapes: Counter[Shape] = Counter()
    for group in runs:
        shapes[group.shape] += group.n
    return shapes


def shapes_in(dataset: Dataset) -> Counter[Shape]:
    """Number of examples of a dataset by shape."""
    issues = ((label_of(example), example["planner_input"]["issue"]) for example in dataset.examples())
    return Counter(Shape(issue["dk_risk"], issue["dk_size"], action) for action, issue in issues)


def by_lane(shapes: Mapping[Shape, int]) -> Counter[str | None]:
    """Number of runs by lane; those outside every lane under None."""
    lanes: Counter[str | None] = Counter()
    for shape, n in shapes.items():
        lanes[shape.lane] += n
    return lanes


def otherwise(shapes: Mapping[Shape, int]) -> dict[str, Counter[str]]:
    """Runs with a lane's risk and size that used another number of candidates: by lane, by candidates (`×3`)."""
    off_target: dict[str, Counter[str]] = {lane.name: Counter() for lane in LANES}
    for shape, n in shapes.items():
        for lane in LANES:
            if lane.fits(shape.risk, shape.size) and shape.lane != lane.name:
                off_target[lane.name][f"×{shape.action.max_candidates_bin}"] += n
    return off_target


def epochs_of(runs: Iterable[RunGroup]) -> list[Epoch]:
    """The policy epochs in the order of their last runs, the current epoch last."""
    by_epoch: dict[str, list[RunGroup]] = {}
    for group in runs:
        by_epoch.setdefault(group.epoch, []).append(group)
    epochs = [
        Epoch(
            epoch,
            sum(group.n for group in groups),
            min(group.first for group in groups),
            max(group.last for group in groups),
            by_lane(shapes_of(groups)),
        )
        for epoch, groups in by_epoch.items()
    ]
    return sorted(epochs, key=lambda summary: (summary.last, summary.epoch))


def ready_shapes(engine: sa.Engine, config: BenchConfig) -> Counter[Shape]:
    """Number of schedulable issues by the shape that the heuristics and the routing rules would run."""
    streams = Streams(engine)
    board = Board(config.stream.max_attempts)
    board.load(streams.backlog())
    running, past = streams.snapshot()
    board.add_finished(past)
    backlog = board.state(run.issue_id for run in running)
    return Counter(_as_routed(issue, config) for issue in backlog.ready)


def _as_routed(issue: Issue, config: BenchConfig) -> Shape:
    action = heuristic_action(issue, first_match(config.routing, issue)).action
    return Shape(issue.dk_risk, issue.dk_size, action)
