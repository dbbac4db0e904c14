"""Rates of actions with Manski bounds where more than a few of their runs are missing.

Complete cases flatter an action whose runs are lost: where more than `MOST_WEIGHTED` of its runs, weighted by 1/π, are
missing, its pass rate has no point, only the interval from all missing runs failing to all of them passing.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from bench.statistics.action_rates import (
    ActionRate,
    GroupRate,
    action_rates,
    arm_weights,
    group_rates,
    group_weights,
)
from bench.statistics.estimate import Estimate
from bench.statistics.missing import MOST_WEIGHTED, imputed, run_weights
from bench.statistics.outcomes import Outcome
from bench.statistics.table import BenchTable, Bools, Floats

BOUNDS: Final = "Manski bounds"


def bounded_rates(table: BenchTable, passes: Outcome, spent: Floats | None = None) -> tuple[ActionRate, ...]:
    """The rates of every action with an observed run, as `action_rates`; bounds where too many runs are missing."""
    rates = action_rates(table, spent, passes)
    shares = {rate.cell: missing_share(table, passes, table.arm_cell == rate.cell) for rate in rates}
    if not any(map(too_many, shares.values())):
        return rates
    worst, best = ({rate.cell: rate for rate in action_rates(table, None, end)} for end in _ends(passes))

    def bounded(rate: ActionRate) -> ActionRate:
        share, low, high = shares[rate.cell], worst[rate.cell], best[rate.cell]
        return rate._replace(
            direct=_between(share, low.direct, high.direct), passes=_between(share, low.passes, high.passes)
        )

    return tuple(bounded(rate) if too_many(shares[rate.cell]) else rate for rate in rates)


def bounded_groups(
    table: BenchTable, passes: Outcome, groups: Mapping[str, Bools], *, seed: int
) -> tuple[GroupRate, ...]:
    """The pass rates of `groups`, (240,) masks of cells, as `group_rates`; bounds where too many runs are missing."""

    def rates(of: Outcome) -> tuple[GroupRate, ...]:
        return group_rates(table, groups, table.arm_means(of.values), seed=seed, estimand=passes.estimand)

    shares = [
        missing_share(table, passes, cells[table.arm_cell], group_weights(table, cells))
        for cells in groups.values()
    ]
    every = zip(shares, rates(passes), *map(rates, _ends(passes)), strict=True)
    return tuple(
        rate._replace(passes=_between(share, low.passes, high.passes))
        if too_many(share) and rate.actions
        else rate
        for share, rate, low, high in every
    )


def too_many(share: float) -> bool:
    """Whether so large a share of runs is missing that only bounds are given, and no ranking."""
    return share > MOST_WEIGHTED


def missing_share(table: BenchTable, passes: Outcome, arms: Bools, weights: Floats | None = None) -> float:
    """The share of the runs of `arms` (A,) that is missing; an arm weighs `weights` (A,), 1/π where None."""
    of_run = run_weights(table, np.where(arms, arm_weights(table) if weights is None else weights, 0.0))
    whole = float(of_run.sum())
    return float(of_run[~np.isfinite(passes.values)].sum()) / whole if whole else 0.0


def _ends(passes: Outcome) -> tuple[Outcome, Outcome]:
    """The outcome with every missing run a failure, and with every one a pass."""
    worst, best = (passes._replace(values=imputed(passes, end)) for end in (passes.low, passes.high))
    return worst, best


def _between(share: float, low: Estimate, high: Estimate) -> Estimate:
    """From the lower end of `low` to the upper end of `high`; the reason of `low` where that is refused."""
    if low.why_not is not None:
        return low
    method = f"{BOUNDS} with {share:.1%} of its runs missing, {low.method}"
    return low._replace(value=None, method=method, high=high.high)
