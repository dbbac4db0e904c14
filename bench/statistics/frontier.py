"""Cost–success Pareto frontier: each action and policy by the dollars of a run and the share of runs that pass."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from bench.statistics.errors import UnsupportedError
from bench.statistics.estimate import Estimate
from bench.statistics.estimators import HAJEK, terms, value
from bench.statistics.intervals import linearised
from bench.statistics.logs import bench_log, check_policy, design_weights, fixed_policy
from bench.statistics.outcomes import pass_own_budget
from bench.statistics.publish import published
from bench.statistics.spend import DOLLARS, UNKNOWN_DOLLARS, spend_values
from bench.statistics.table import BenchTable, Bools, Floats

FEWEST_ISSUES: Final = 10

_TOO_FEW: Final = f"observed in fewer than {FEWEST_ISSUES} issues"
_UNKNOWN_COST: Final = "with runs of unknown cost"
_UNSUPPORTED: Final = "taking actions that this bench could never draw"
_REMEDIES: Final = {
    _TOO_FEW: f"no action or policy was observed in {FEWEST_ISSUES} issues; bench more issues, or more arms an issue",
    _UNKNOWN_COST: UNKNOWN_DOLLARS,
    _UNSUPPORTED: "the policies take actions that this bench could never draw",
}
_Wanted = tuple[int | None, str | None, Floats]
"""An action or the name of a policy, and its (N, 240) chances."""


class Point(NamedTuple):
    """One point of the frontier: an action, or a policy."""

    cell: int | None
    """The action; None: a policy."""
    policy: str | None
    issues: int
    """Issues with an observed arm of positive weight."""
    passes: Estimate
    dollars: Estimate
    """Mean cost of a run, whether it passes or not."""
    undominated: bool
    """Pareto-optimal among the actions shown, by the point estimates alone."""


class OmittedPoints(NamedTuple):
    """Actions and policies without a point, for one reason."""

    why: str
    actions: int
    policies: tuple[str, ...]


class Frontier(NamedTuple):
    """The frontier: actions by cell, then policies in their order."""

    points: tuple[Point, ...]
    left_out: tuple[OmittedPoints, ...]


def frontier(table: BenchTable, policies: Mapping[str, Floats], *, seed: int) -> Frontier:
    """Hájek pass rates and doubly robust costs of the arms that ran, with intervals over issues.

    `policies` are (N, 240) probabilities of the cells.

    Raises: `UnsupportedError` where no point is left, `BenchError` for a policy of another shape.
    """
    for name, policy in policies.items():
        check_policy(name, policy, table)
    wanted: list[_Wanted] = [
        (cell, None, fixed_policy(len(table.cases), cell)) for cell in np.unique(table.arm_cell).tolist()
    ]
    wanted += [(None, name, policy) for name, policy in policies.items()]
    estimator = _PointEstimator(table, seed, wanted)
    points = [estimator.point(*subject) for subject in wanted if estimator.why_not(subject) is None]
    if not points:
        whys = [estimator.why_not(subject) for subject in wanted]
        raise UnsupportedError(_REMEDIES[_UNKNOWN_COST if _UNKNOWN_COST in whys else _TOO_FEW])
    actions = [point for point in points if point.policy is None]
    marked = (point._replace(undominated=point in actions and _best(point, actions)) for point in points)
    return Frontier(tuple(marked), tuple(_left_out(estimator, wanted)))


class _PointEstimator:
    def __init__(self, table: BenchTable, seed: int, wanted: Sequence[_Wanted]) -> None:
        self._table, self._seed = table, seed
        self._outcome = pass_own_budget(table)
        self._dollars = np.where(table.observed, table.usd, np.nan)
        self._observed = table.replicates > 0
        priced = np.bincount(table.run_arm, weights=np.isfinite(self._dollars), minlength=len(table.arm_case))
        self._priced = priced == table.replicates
        named = {_key(cell, name): policy for cell, name, policy in wanted}
        no_features = np.zeros((len(table.cases), 0))
        self._spends = spend_values(table, named, no_features, self._dollars, estimand=DOLLARS)

    def why_not(self, wanted: _Wanted) -> str | None:
        """Why `wanted` has no point; None where it has."""
        _, name, policy = wanted
        if name is not None and np.any(policy[self._table.chances <= 0] > 0):
            return _UNSUPPORTED
        here = self._here(policy)
        if self._issues(here) < FEWEST_ISSUES:
            return _TOO_FEW
        return None if self._priced[here].all() else _UNKNOWN_COST

    def point(self, cell: int | None, name: str | None, policy: Floats) -> Point:
        """The point estimates of `policy` (N, 240)."""
        table, outcome = self._table, self._outcome
        passes = published(
            outcome.estimand,
            terms(HAJEK, bench_log(table, policy, outcome.values)),
            self._seed,
            HAJEK.name,
            outcome.low,
            outcome.high,
        )
        issues = self._issues(self._here(policy))
        return Point(cell, name, issues, passes, self._cost(cell, name, policy), undominated=False)

    def _cost(self, cell: int | None, name: str | None, policy: Floats) -> Estimate:
        """Dollars of a run: doubly robust; over the cases with the action where some could not draw it."""
        table, spend = self._table, self._spends[_key(cell, name)].value
        if spend.value is not None:
            return spend
        sums = terms(HAJEK, bench_log(table, policy, self._dollars))
        span = linearised(sums)
        method = f"{HAJEK.name}, 95 % t over {len(table.issues)} issues"
        return Estimate(DOLLARS, value(sums), max(0.0, span.low), span.high, method)

    def _here(self, policy: Floats) -> Bools:
        """(A,) observed arms with a positive weight under the policy."""
        here: Bools = self._observed & (design_weights(self._table, policy) > 0)
        return here

    def _issues(self, here: Bools) -> int:
        return len(np.unique(self._table.case_issue[self._table.arm_case[here]]))


def _key(cell: int | None, name: str | None) -> str:
    return f"policy {name}" if cell is None else f"action {cell}"


def _left_out(estimator: _PointEstimator, wanted: list[_Wanted]) -> Iterator[OmittedPoints]:
    whys = [estimator.why_not(subject) for subject in wanted]
    for why in _REMEDIES:
        names = [name for (_, name, _), reason in zip(wanted, whys, strict=True) if reason == why]
        if names:
            yield OmittedPoints(why, names.count(None), tuple(name for name in names if name is not None))


def _best(point: Point, among: list[Point]) -> bool:
    cost, passes = _coordinates(point)
    return not any(
        (other_cost, other_passes) != (cost, passes) and other_cost <= cost and other_passes >= passes
        for other_cost, other_passes in map(_coordinates, among)
    )


def _coordinates(point: Point) -> tuple[float, float]:
    """(dollars, passes)"""
    assert point.dollars.value is not None
    assert point.passes.value is not None
    return point.dollars.value, point.passes.value
