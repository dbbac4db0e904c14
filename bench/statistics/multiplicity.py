"""Multiplicity control: Holm's step-down procedure with intervals that agree with its rejections.

The family is all comparisons that one report shows. Holm (1979): the j-th smallest of m p-values is rejected where
it and all smaller ones are at most α ÷ (m − j + 1), so that the chance of any false rejection is at most α.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from scipy import stats

from bench.statistics.table import Bools, Floats

ALPHA: Final = 0.05


class Comparison(NamedTuple):
    """An estimated difference. The standard errors of its two sides are equal unless its interval is skewed."""

    value: float
    below: float
    """Standard error of the lower limit."""
    above: float
    """Standard error of the upper limit."""
    degrees: float
    """Degrees of freedom of Student's t."""


class Adjusted(NamedTuple):
    """A difference within a family of comparisons."""

    p_value: float
    """Holm-adjusted, two-sided: at most `ALPHA` exactly where the interval excludes 0."""
    low: float
    high: float


def holm(p_values: Floats, alpha: float) -> Bools:
    """(m,) hypotheses rejected by Holm's step-down procedure, with family-wise error of at most `alpha`.

    Implemented here because statsmodels runs a garbage collection in every call, which takes longer than all the
    tests of a bench.
    """
    order = np.argsort(p_values, kind="stable")
    holds = p_values[order] <= alpha / np.arange(len(order), 0, -1)
    rejected = np.zeros(len(order), dtype=np.bool_)
    rejected[order[np.logical_and.accumulate(holds)]] = True
    return rejected


def holm_levels(p_values: Floats, alpha: float) -> Floats:
    """(m,) the level of each hypothesis: α ÷ (m − j + 1) at rank j; from the first that is not rejected on, all have
    its level.

    A p-value is at most its level exactly where `holm` rejects.
    """
    order = np.argsort(p_values, kind="stable")
    levels = alpha / np.arange(len(order), 0, -1, dtype=np.float64)
    rejected = int(holm(p_values, alpha).sum())
    if rejected < len(order):
        levels[rejected:] = levels[rejected]
    by_hypothesis = np.empty(len(order))
    by_hypothesis[order] = levels
    return by_hypothesis


def holm_adjusted(p_values: Floats) -> Floats:
    """(m,) Holm-adjusted p-values: the smallest family-wise level at which each hypothesis is rejected."""
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0) if len(order) else scaled
    return adjusted


def two_sided(comparison: Comparison) -> float:
    """p-value of no difference, by Student's t with the standard error of the side that faces 0."""
    error = comparison.below if comparison.value > 0 else comparison.above
    if error <= 0:
        return 1.0 if comparison.value == 0 else 0.0
    return float(2 * stats.t.sf(abs(comparison.value) / error, comparison.degrees))


def stepwise(comparisons: Sequence[Comparison], alpha: float = ALPHA) -> list[Adjusted]:
    """The comparisons of one family, in their order: a stepwise interval excludes 0 exactly where Holm rejects."""
    p_values = np.array([two_sided(comparison) for comparison in comparisons])
    rows = zip(comparisons, holm_levels(p_values, alpha), holm_adjusted(p_values), strict=True)
    return [_adjusted(comparison, float(level), float(p)) for comparison, level, p in rows]


def _adjusted(of: Comparison, level: float, p_value: float) -> Adjusted:
    quantile = float(stats.t.isf(level / 2, of.degrees))
    return Adjusted(p_value, of.value - quantile * of.below, of.value + quantile * of.above)
