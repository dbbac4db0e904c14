"""Which shapes of work a stream has covered so far, under which policy epoch, and what is missing."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from bench.config.models import BenchConfig
from bench.config.routing import first_match
from bench.intake.issue import Issue
from bench.stream.board import Board
from bench.stream.dispatch import by_heuristics
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
    """Issues of one risk and size, worked on in one way."""

    risk: str
    size: str
    action: Action

    @property
    def lane(self) -> str | None:
        """The lane; None for none."""
        return lane_of(self.risk, self.size, self.action)


class Ran(NamedTuple):
    """`n` scored runs alike in all that is told of them."""

    epoch: str
    mode: str
    """off, log or enforce"""
    shape: Shape
    predicted: Action | None
    """The model's own answer; None where it was not asked or abstained."""
    passed: bool
    n: int
    first: datetime
    last: datetime


class Epoch(NamedTuple):
    """A policy epoch and its runs."""

    epoch: str
    runs: int
    first: datetime
    last: datetime
    lanes: Counter[str | None]


def read_runs(engine: sa.Engine) -> list[Ran]:
    """All scored runs of all streams."""
    return [_ran(row) for row in CoverageCounts(engine).runs()]


def _ran(row: RunCount) -> Ran:
    plan = row.executed_plan
    executed = ActualPlan(
        plan["swarm_id_executed"],
        plan["max_candidates_executed"],
        plan["timeout_seconds_executed"],
        plan["max_iterations_executed"],
        inferred=False,
    )
    asked = row.mode != "off" and not row.abstains
    return Ran(
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


def shapes_of(runs: Iterable[Ran]) -> Counter[Shape]:
    """Runs by shape."""
    shapes: Counter[Shape] = Counter()
    for ran in runs:
        shapes[ran.shape] += ran.n
    return shapes


def shapes_in(dataset: Dataset) -> Counter[Shape]:
    """Examples of a dataset by shape."""
    issues = ((label_of(example), example["planner_input"]["issue"]) for example in dataset.examples())
    return Counter(Shape(issue["dk_risk"], issue["dk_size"], action) for action, issue in issues)


def by_lane(shapes: Mapping[Shape, int]) -> Counter[str | None]:
    """Their lanes; those of no lane under None."""
    lanes: Counter[str | None] = Counter()
    for shape, n in shapes.items():
        lanes[shape.lane] += n
    return lanes


def otherwise(shapes: Mapping[Shape, int]) -> dict[str, Counter[str]]:
    """By lane: what has its risk and size and was worked on otherwise, by how (`×3`)."""
    found: dict[str, Counter[str]] = {lane.name: Counter() for lane in LANES}
    for shape, n in shapes.items():
        for lane in LANES:
            if lane.fits(shape.risk, shape.size) and shape.lane != lane.name:
                found[lane.name][f"×{shape.action.max_candidates_bin}"] += n
    return found


def epochs_of(runs: Iterable[Ran]) -> list[Epoch]:
    """The epochs in the order of their last runs: the one that holds now is the last."""
    of_epoch: dict[str, list[Ran]] = {}
    for ran in runs:
        of_epoch.setdefault(ran.epoch, []).append(ran)
    found = [
        Epoch(
            epoch,
            sum(ran.n for ran in its),
            min(ran.first for ran in its),
            max(ran.last for ran in its),
            by_lane(shapes_of(its)),
        )
        for epoch, its in of_epoch.items()
    ]
    return sorted(found, key=lambda one: (one.last, one.epoch))


def ready_shapes(engine: sa.Engine, config: BenchConfig) -> Counter[Shape]:
    """The issues that may start now, each with the way in which the heuristics and the routing would run it."""
    streams = Streams(engine)
    board = Board(config.stream.max_attempts)
    board.load(streams.backlog())
    running, past = streams.snapshot()
    board.ended(past)
    standing = board.standing(run.issue_id for run in running)
    return Counter(_as_routed(issue, config) for issue in standing.ready)


def _as_routed(issue: Issue, config: BenchConfig) -> Shape:
    action = by_heuristics(issue, first_match(config.routing, issue)).action
    return Shape(issue.dk_risk, issue.dk_size, action)
