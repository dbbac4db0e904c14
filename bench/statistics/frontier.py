"""What passing costs: each action and policy by the dollars of a run and the share of runs that pass."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np

from bench.statistics.errors import UnsupportedError
from bench.statistics.estimate import Estimate
from bench.statistics.estimators import HAJEK, terms, value
from bench.statistics.intervals import linearised
from bench.statistics.logs import bench_log, check_policy, design_weights
from bench.statistics.outcomes import pass_own_budget
from bench.statistics.publish import published
from bench.statistics.table import BenchTable, Bools, Floats
from planner.space.heads import N_CELLS

DOLLARS: Final = "dollars_of_a_run"
FEWEST_ISSUES: Final = 10


_TOO_FEW: Final = f"observed in fewer than {FEWEST_ISSUES} issues"
_UNKNOWN_COST: Final = "with runs of unknown cost"
_UNSUPPORTED: Final = "taking actions that this bench could never draw"
_MENDS: Final = {
    _TOO_FEW: f"no action or policy was observed in {FEWEST_ISSUES} issues; bench more issues, or more arms an issue",
    _UNKNOWN_COST: "the cost of runs is unknown; give `workcell.rates` or a toolchain that reports its cost",
    _UNSUPPORTED: "the policies take actions that this bench could never draw",
}
_Wanted = tuple[int | None, str | None, Floats]
"""An action or the name of a policy, and its (N, 240) chances."""


class Point(NamedTuple):
    """One action, or one policy."""

    cell: int | None
    """The action; None: a policy."""
    policy: str | None
    issues: int
    """In which an arm was observed that stands for it."""
    passes: Estimate
    dollars: Estimate
    """Mean cost of a run, whether it passes or not."""
    undominated: bool
    """An action than which no other shown passes more often for as little, going by the values alone."""


class LeftOut(NamedTuple):
    """What there is no point for."""

    why: str
    actions: int
    policies: tuple[str, ...]


class Frontier(NamedTuple):
    """Actions by cell, then policies in their order."""

    points: tuple[Point, ...]
    left_out: tuple[LeftOut, ...]


def frontier(table: BenchTable, policies: Mapping[str, Floats], *, seed: int) -> Frontier:
    """Hájek over the arms that ran; intervals over issues. An `UnsupportedError` where no point is left."""
    for name, policy in policies.items():
        check_policy(name, policy, table)
    wanted: list[_Wanted] = [
        (cell, None, _always(cell, table)) for cell in np.unique(table.arm_cell).tolist()
    ]
    wanted += [(None, name, policy) for name, policy in policies.items()]
    judge = _Judge(table, seed)
    points = [judge.point(*one) for one in wanted if judge.why_not(one) is None]
    if not points:
        whys = [judge.why_not(one) for one in wanted]
        raise UnsupportedError(_MENDS[_UNKNOWN_COST if _UNKNOWN_COST in whys else _TOO_FEW])
    actions = [point for point in points if point.policy is None]
    marked = (point._replace(undominated=point in actions and _best(point, actions)) for point in points)
    return Frontier(tuple(marked), tuple(_left_out(judge, wanted)))


class _Judge:
    def __init__(self, table: BenchTable, seed: int) -> None:
        self._table, self._seed = table, seed
        self._told = pass_own_budget(table)
        self._dollars = np.where(table.observed, table.usd, np.nan)
        self._observed = table.replicates > 0
        priced = np.bincount(table.run_arm, weights=np.isfinite(self._dollars), minlength=len(table.arm_case))
        self._priced = priced == table.replicates

    def why_not(self, wanted: _Wanted) -> str | None:
        """Why there is no point."""
        _, name, policy = wanted
        if name is not None and np.any(policy[self._table.chances <= 0] > 0):
            return _UNSUPPORTED
        here = self._here(policy)
        if self._issues(here) < FEWEST_ISSUES:
            return _TOO_FEW
        return None if self._priced[here].all() else _UNKNOWN_COST

    def point(self, cell: int | None, name: str | None, policy: Floats) -> Point:
        """The point of `policy` (N, 240)."""
        table, told = self._table, self._told
        passes = published(
            told.estimand,
            terms(HAJEK, bench_log(table, policy, told.values)),
            self._seed,
            HAJEK.name,
            told.low,
            told.high,
        )
        issues = self._issues(self._here(policy))
        sums = terms(HAJEK, bench_log(table, policy, self._dollars))
        span = linearised(sums)
        method = f"{HAJEK.name}, 95 % t over {len(table.issues)} issues"
        dollars = Estimate(DOLLARS, value(sums), max(0.0, span.low), span.high, method)
        return Point(cell, name, issues, passes, dollars, undominated=False)

    def _here(self, policy: Floats) -> Bools:
        """(A,) observed arms that stand for the policy."""
        here: Bools = self._observed & (design_weights(self._table, policy) > 0)
        return here

    def _issues(self, here: Bools) -> int:
        return len(np.unique(self._table.case_issue[self._table.arm_case[here]]))


def _left_out(judge: _Judge, wanted: list[_Wanted]) -> Iterator[LeftOut]:
    whys = [judge.why_not(one) for one in wanted]
    for why in _MENDS:
        names = [name for (_, name, _), found in zip(wanted, whys, strict=True) if found == why]
        if names:
            yield LeftOut(why, names.count(None), tuple(name for name in names if name is not None))


def _always(cell: int, table: BenchTable) -> Floats:
    policy = np.zeros((len(table.cases), N_CELLS))
    policy[:, cell] = 1
    return policy


def _best(point: Point, among: list[Point]) -> bool:
    cost, passes = _place(point)
    return not any(
        (one, -other) != (cost, -passes) and one <= cost and other >= passes
        for one, other in map(_place, among)
    )


def _place(point: Point) -> tuple[float, float]:
    """(dollars, passes)"""
    assert point.dollars.value is not None
    assert point.passes.value is not None
    return point.dollars.value, point.passes.value
