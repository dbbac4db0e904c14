"""Outcome metrics: off-policy evaluation by matching a policy's actions to the arms that a bench executed.

An *arm* is an action executed on an example. Its statistics are means over its replicates, as in the farm's own
reports: it *passes* if more than half of its replicates do; its time and cost in regrets are means over the replicates
that passed. The *oracle* is the best arm of an example: the highest pass rate, then the shortest time, then canonical
order. An action that was not executed is *unobserved* and excluded.
"""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from planner.dataset.arrays import EncodedExamples
from planner.evaluation.decisions import Decisions
from planner.policies.fixed_actions import DEFAULT_PRICES, ExchangeRate
from planner.space.heads import N_CELLS

Floats = NDArray[np.float64]
_MS_A_MINUTE: Final = 60_000


class Metric(NamedTuple):
    """A ratio of two sums over examples."""

    name: str
    top: str
    bottom: str
    higher_is_better: bool
    unit: Literal["share", "usd", "minutes", "ratio", "passes"]
    meaning: str


METRICS: Final = (
    Metric("pass_rate", "passed", "observed", True, "share", "Executions that passed, of all."),
    Metric(
        "cost_per_pass", "cost", "priced_passes", False, "usd", "All that was spent ÷ passes, in dollars."
    ),
    Metric("mean_time_to_pass", "pass_minutes", "passed", False, "minutes", "Mean minutes of what passed."),
    Metric(
        "pass_regret", "pass_regret", "observed", False, "share", "The oracle's pass rate − the policy's."
    ),
    Metric("missed_passes", "missed", "observed", False, "share", "The oracle passes, the action does not."),
    Metric("time_regret", "time_regret", "timed", False, "ratio", "(Time − the oracle's) ÷ the oracle's."),
    Metric("cost_regret", "cost_regret", "costed", False, "ratio", "(Cost − the oracle's) ÷ the oracle's."),
    Metric("utility", "utility", "valued", True, "passes", "Pass − the stated prices · dollars and minutes."),
)


@dataclass(frozen=True, slots=True)
class ArmStatistics:
    """Statistics of the A arms of the benched examples; each (A,), ordered by example."""

    example: NDArray[np.intp]
    cell: NDArray[np.intp]
    replicates: NDArray[np.intp]
    rate: Floats
    cost: Floats
    """Mean US dollars an execution; NaN where one is unknown."""
    minutes: Floats
    """Mean minutes of the replicates that passed; NaN where none did."""
    pass_cost: Floats
    """Mean US dollars of the replicates that passed; NaN where one is unknown or none passed."""
    utility: Floats
    """Pass rate − prices · mean dollars and minutes of all replicates; NaN where a cost that counts is unknown."""
    oracle: NDArray[np.intp]
    """Index of the oracle arm of the same example."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Outcomes of a policy's actions, one entry a benched example; expectations where actions are sampled."""

    observed: Floats
    utility: Floats
    valued: Floats
    passed: Floats
    cost: Floats
    priced_passes: Floats
    pass_minutes: Floats
    pass_regret: Floats
    missed: Floats
    timed: Floats
    time_regret: Floats
    costed: Floats
    cost_regret: Floats

    def ratio(self, metric: Metric) -> tuple[Floats, Floats]:
        """Numerator and denominator of a metric."""
        return getattr(self, metric.top), getattr(self, metric.bottom)

    def paired(self, metric: Metric) -> tuple[Floats, Floats]:
        """Numerator and denominator for paired differences: every observed example has weight 1."""
        share = np.where(self.observed > 0, self.observed, 1.0)
        top, bottom = self.ratio(metric)
        return top / share, bottom / share


def benched(examples: EncodedExamples) -> EncodedExamples:
    """The examples that have outcomes."""
    return examples.take(np.unique(examples.outcomes.example))


def arms_of(examples: EncodedExamples, prices: ExchangeRate = DEFAULT_PRICES) -> ArmStatistics:
    """Aggregate the replicates of `examples`, all of which have outcomes, into arms."""
    rows = examples.outcomes
    keys, arm_of = np.unique(rows.example.astype(np.int64) * N_CELLS + rows.cell, return_inverse=True)
    example, cell = (keys // N_CELLS).astype(np.intp), (keys % N_CELLS).astype(np.intp)
    minutes = np.expm1(rows.log_duration.astype(np.float64)) / _MS_A_MINUTE
    cost = rows.cost.astype(np.float64)

    def summed(values: NDArray[np.generic]) -> Floats:
        return np.bincount(arm_of, weights=values).astype(np.float64)

    replicates, passes = np.bincount(arm_of), summed(rows.passed)
    rate = passes / replicates
    pass_minutes = _mean(summed(np.where(rows.passed, minutes, 0.0)), passes)
    mean_cost = summed(cost) / replicates
    charged = prices.dollar * mean_cost if prices.dollar else 0.0
    return ArmStatistics(
        example=example,
        cell=cell,
        replicates=replicates,
        rate=rate,
        cost=mean_cost,
        minutes=pass_minutes,
        pass_cost=_mean(summed(np.where(rows.passed, cost, 0.0)), passes),
        utility=rate - charged - prices.minute * summed(minutes) / replicates,
        oracle=_oracles(example, rate, pass_minutes),
    )


def columns_of(decisions: Decisions, arms: ArmStatistics) -> Columns:
    """Match `decisions` to `arms` of the same examples."""
    weight = decisions.weight(arms.example, arms.cell)
    best = arms.oracle
    passes = arms.rate > 0.5
    both = passes & passes[best]
    priced = np.isfinite(arms.cost)
    time_regret = _relative(arms.minutes, arms.minutes[best], both)
    cost_regret = _relative(arms.pass_cost, arms.pass_cost[best], both)

    def summed(values: NDArray[np.generic]) -> Floats:
        weighted = weight * np.nan_to_num(values.astype(np.float64))
        return np.bincount(arms.example, weights=weighted, minlength=len(decisions)).astype(np.float64)

    return Columns(
        observed=summed(np.ones_like(arms.rate)),
        utility=summed(arms.utility),
        valued=summed(np.isfinite(arms.utility)),
        passed=summed(arms.rate),
        cost=summed(arms.cost),
        priced_passes=summed(np.where(priced, arms.rate, 0.0)),
        pass_minutes=summed(arms.rate * arms.minutes),
        pass_regret=summed(arms.rate[best] - arms.rate),
        missed=summed(passes[best] & ~passes),
        timed=summed(np.isfinite(time_regret)),
        time_regret=summed(time_regret),
        costed=summed(np.isfinite(cost_regret)),
        cost_regret=summed(cost_regret),
    )


def _mean(total: Floats, count: Floats) -> Floats:
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def _relative(value: Floats, best: Floats, there: NDArray[np.bool_]) -> Floats:
    """Relative regret (value − best) / best; with best = 0 it is 0 for 0, and otherwise undefined (NaN)."""
    ratio = np.divide(value - best, best, out=np.full_like(value, np.nan), where=there & (best > 0))
    return np.where(there & (best == 0) & (value == 0), 0.0, ratio)


def _oracles(example: NDArray[np.intp], rate: Floats, minutes: Floats) -> NDArray[np.intp]:
    # Arms are in canonical order within an example; the sort is stable and puts NaN last.
    order = np.lexsort((minutes, -rate, example))
    owners, first = np.unique(example[order], return_index=True)
    return np.asarray(order[first][np.searchsorted(owners, example)], dtype=np.intp)
