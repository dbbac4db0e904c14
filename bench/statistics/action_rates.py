"""Rates of actions and of groups of actions over the issues of a bench, weighted by inclusion probabilities.

An action that was more likely on hard issues, as a baseline's is, looks worse than it is where its runs are averaged
as they are. Each arm therefore counts 1/π: an estimate is over all issues on which its action could be drawn.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from scipy import stats

from bench.statistics.estimate import Estimate, refused
from bench.statistics.estimators import Terms, value
from bench.statistics.intervals import LEVEL, linearised, standard_error
from bench.statistics.outcomes import OWN_BUDGET, Outcome, judged_by
from bench.statistics.pooled_rates import PooledRates, Sample, pooled_rates
from bench.statistics.publish import NO_SPREAD, published
from bench.statistics.table import BenchTable, Bools, Floats, Ints
from planner.space.heads import HEAD_SIZES

TIME: Final = "minutes_to_pass"
COST: Final = "dollars_per_pass"
FEWEST_ISSUES: Final = 10
"""Fewer issues give no unpooled rate: for a pooled one even a single issue is enough."""
FEWEST_PASSES: Final = 3
"""Issues with a pass that the interval of a ratio per pass needs."""
MANY_ISSUES: Final = 500
"""From so many issues on, a bootstrap takes long and changes nothing."""

WEIGHTED: Final = "Hájek, weights 1/π"
PLAIN: Final = "plain mean over the issues where it ran, as its arms were not drawn by lot"


class ActionRate(NamedTuple):
    """The rates of one action over the issues on which it could be drawn."""

    cell: int
    issues: int
    """Issues on which it was observed."""
    runs: int
    passed: int
    effective_issues: float
    """Kish's effective sample size of its weights, over issues."""
    direct: Estimate
    """Pass rate from its own runs alone."""
    passes: Estimate
    """Pass rate, partially pooled over the actions that ran: the number to quote."""
    minutes_to_pass: Estimate
    """Mean working time of a run that passes, in minutes."""
    dollars_per_pass: Estimate
    """All that was spent on it ÷ its passes."""


class GroupRate(NamedTuple):
    """The pass rate of a group: on each issue, the mean over the actions of the group that could be drawn."""

    group: str
    issues: int
    actions: int
    """Actions of the group that were observed."""
    passes: Estimate


def arm_weights(table: BenchTable) -> Floats:
    """(A,) 1/π of each arm; 1 for all of them where the arms of any case were not drawn by lot."""
    if not is_weighted(table):
        return np.ones(len(table.arm_case))
    weights: Floats = 1 / table.propensity
    return weights


def is_weighted(table: BenchTable) -> bool:
    """Whether the arms of every case were drawn with known inclusion probabilities."""
    return bool(table.randomised.all() and (table.propensity > 0).all())


def action_rates(
    table: BenchTable, spent: Floats | None = None, outcome: Outcome | None = None
) -> tuple[ActionRate, ...]:
    """The rates of every action with an observed run, by cell.

    `spent` (A,) is what was spent on each arm in dollars, with lost and repeated attempts; the sum of what its runs
    cost where None. `outcome` is the outcome of passing, `pass_own_budget` where None.
    """
    table, estimand = judged_by(table, outcome), OWN_BUDGET if outcome is None else outcome.estimand
    observed = table.replicates > 0
    if not observed.any():
        return ()
    cells, sample = pooled_sample(table, table.arm_means(table.passed), observed)
    pooled = pooled_rates(sample, topologies(cells))
    sums = _Sums(table, spent)
    return tuple(
        _rate(table, int(cell), estimand, pooled, action, sums) for action, cell in enumerate(cells.tolist())
    )


def pooled_sample(table: BenchTable, values: Floats, chosen: Bools) -> tuple[Ints, Sample]:
    """The distinct cells of the `chosen` arms (A,), ascending, and their `values` (A,) as a sample of these actions."""
    cells, action = np.unique(table.arm_cell[chosen], return_inverse=True)
    _, issue = np.unique(table.case_issue[table.arm_case[chosen]], return_inverse=True)
    sample = Sample(action, issue, arm_weights(table)[chosen], values[chosen])
    return cells, sample


def pooled_estimate(estimand: str, pooled: PooledRates, action: int, *, weighted: bool) -> Estimate:
    """The pooled mean of `action` with its interval."""
    return Estimate(
        estimand,
        float(pooled.mean[action]),
        float(pooled.low[action]),
        float(pooled.high[action]),
        f"{WEIGHTED if weighted else PLAIN}; partially pooled over {len(pooled.mean)} actions, 95 % over issues",
    )


def topologies(cells: Ints) -> Ints:
    """The topology of each of `cells`: rates are drawn to the mean of their topology."""
    return np.unravel_index(cells, HEAD_SIZES)[0]


class _Sums:
    """Sums of each arm (A,): passes, minutes of its passes, dollars."""

    def __init__(self, table: BenchTable, spent: Floats | None) -> None:
        size = len(table.arm_case)

        def by_arm(values: Floats) -> Floats:
            return np.bincount(table.run_arm, weights=values, minlength=size).astype(np.float64)

        passed = np.where(table.observed, table.passed, 0.0)
        self.passed = by_arm(passed)
        self.minutes = by_arm(np.where(passed > 0, table.minutes, 0.0))
        self.spent = by_arm(np.where(table.observed, table.usd, 0.0)) if spent is None else spent
        self.scatter = relative_scatter(table, self.minutes, self.passed)


def _rate(
    table: BenchTable, cell: int, estimand: str, pooled: PooledRates, action: int, sums: _Sums
) -> ActionRate:
    here = (table.arm_cell == cell) & (table.replicates > 0)
    weighted = is_weighted(table)
    issues = len(np.unique(table.case_issue[table.arm_case[here]]))
    return ActionRate(
        cell,
        issues,
        runs=int(table.replicates[here].sum()),
        passed=int(sums.passed[here].sum()),
        effective_issues=float(pooled.effective[action]),
        direct=_direct(estimand, pooled, action, issues, weighted),
        passes=pooled_estimate(estimand, pooled, action, weighted=weighted),
        minutes_to_pass=ratio_per_pass(TIME, table, here, sums.minutes, sums.passed, sums.scatter),
        # Money of arms whose every run is missing was spent all the same.
        dollars_per_pass=ratio_per_pass(COST, table, table.arm_cell == cell, sums.spent, sums.passed),
    )


def _direct(estimand: str, pooled: PooledRates, action: int, issues: int, weighted: bool) -> Estimate:
    method = WEIGHTED if weighted else PLAIN
    if issues < FEWEST_ISSUES:
        why = f"observed in fewer than {FEWEST_ISSUES} issues: bench more issues, or more arms an issue"
        return refused(estimand, method, why)
    value, error = float(pooled.direct[action]), float(pooled.error[action])
    half = float(stats.t.ppf((1 + LEVEL) / 2, issues - 1)) * error
    method = f"{method}; 95 % t over {issues} issues"
    return Estimate(estimand, value, max(0.0, value - half), min(1.0, value + half), method)


def ratio_per_pass(
    estimand: str, table: BenchTable, here: Bools, amounts: Floats, passes: Floats, scatter: float = 0.0
) -> Estimate:
    """Σ w·amount ÷ Σ w·passes over the arms `here` (A,), with a t interval of its logarithm, as costs are skewed.

    `amounts` and `passes` are sums by arm (A,). `scatter` is what `relative_scatter` gives: the interval is no
    narrower than with it. Without an interval where few issues have a pass.
    """
    method = WEIGHTED if is_weighted(table) else PLAIN
    of = _ratio(table, here, amounts, passes)
    passing = int((of.bottom > 0).sum())
    if not passing:
        return refused(estimand, method, "no run of it passed")
    if not np.isfinite(of.top).all():
        return refused(estimand, method, "the cost or the time of some of its runs is unknown")
    ratio = value(of)
    if passing < FEWEST_PASSES or ratio <= 0:
        return Estimate(
            estimand, ratio, None, None, f"{method}; no interval from {passing} issues with a pass"
        )
    shares = of.bottom[0] / of.bottom.sum()
    error = max(standard_error(of) / ratio, float(np.sqrt(scatter * np.sum(shares**2))))
    half = float(stats.t.ppf((1 + LEVEL) / 2, passing - 1)) * error
    method = f"{method}; 95 % t of the logarithm over {of.top.shape[1]} issues"
    return Estimate(estimand, ratio, ratio * float(np.exp(-half)), ratio * float(np.exp(half)), method)


def relative_scatter(table: BenchTable, amounts: Floats, passes: Floats) -> float:
    """The squared coefficient of variation of an amount per pass around the ratio of its action, over all actions.

    Few skewed amounts scatter less than they should in most samples: their own variance is no basis for an interval.
    """
    squares = expected = 0.0
    for cell in np.unique(table.arm_cell):
        of = _ratio(table, table.arm_cell == cell, amounts, passes)
        whole, total = of.bottom.sum(), of.top.sum()
        if not (whole > 0 and total > 0 and np.isfinite(total)):
            continue
        share = of.bottom[0] / whole
        squares += float(np.sum((of.top[0] / total - share) ** 2))
        expected += float(np.sum(share**2 * (1 - 2 * share + np.sum(share**2))))
    return squares / expected if expected > 0 else 0.0


def _ratio(table: BenchTable, here: Bools, amounts: Floats, passes: Floats) -> Terms:
    """The weighted sums of amounts and passes, by issue."""
    weights, cluster = arm_weights(table)[here], table.case_issue[table.arm_case[here]]
    top, bottom = weights * amounts[here], weights * passes[here]
    return Terms(_by_issue(cluster, top)[None, :], _by_issue(cluster, bottom)[None, :])


def _by_issue(cluster: Ints, values: Floats) -> Floats:
    _, issue = np.unique(cluster, return_inverse=True)
    sums: Floats = np.bincount(issue, weights=values).astype(np.float64)
    return sums


def group_rates(
    table: BenchTable,
    groups: Mapping[str, Bools],
    values: Floats | None = None,
    *,
    seed: int,
    estimand: str = OWN_BUDGET,
) -> tuple[GroupRate, ...]:
    """The pass rate of each of `groups`, which are (240,) masks of cells: uniform over the actions that could be drawn.

    `values` (A,) are the means of arms in `estimand`, the pass rates where None; NaN where missing.
    """
    means = table.arm_means(table.passed) if values is None else values
    return tuple(_group(table, name, cells, means, estimand, seed) for name, cells in groups.items())


def group_weights(table: BenchTable, cells: Bools) -> Floats:
    """(A,) how much each arm weighs in the rate of the group `cells` (240,), uniform over its actions on each issue."""
    weights = arm_weights(table)
    if not is_weighted(table):
        return weights
    members = ((table.chances > 0) & cells).sum(axis=1)
    shared: Floats = weights / np.maximum(members, 1)[table.arm_case]
    return shared


def _group(table: BenchTable, name: str, cells: Bools, means: Floats, estimand: str, seed: int) -> GroupRate:
    here = np.isfinite(means) & cells[table.arm_cell]
    cluster = table.case_issue[table.arm_case[here]]
    issues, actions = len(np.unique(cluster)), len(np.unique(table.arm_cell[here]))
    if issues < FEWEST_ISSUES:
        why = f"observed in fewer than {FEWEST_ISSUES} issues: bench more issues"
        return GroupRate(name, issues, actions, refused(estimand, WEIGHTED, why))
    weights = group_weights(table, cells)
    how = f"{WEIGHTED}, uniform over the actions of the group" if is_weighted(table) else PLAIN
    of = Terms(
        _by_issue(cluster, (weights * np.where(here, means, 0.0))[here])[None, :],
        _by_issue(cluster, weights[here])[None, :],
    )
    return GroupRate(name, issues, actions, _published(estimand, of, how, seed))


def _published(estimand: str, of: Terms, how: str, seed: int) -> Estimate:
    """The group's mean: with a bootstrap interval, or a t interval where issues are so many that they agree."""
    issues = of.top.shape[1]
    if issues < MANY_ISSUES or standard_error(of) <= NO_SPREAD:
        return published(estimand, of, seed, how)
    span = linearised(of)
    method = f"{how}; 95 % t over {issues} issues"
    return Estimate(estimand, value(of), max(0.0, span.low), min(1.0, span.high), method)
