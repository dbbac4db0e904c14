"""Intervals over issues: linearised, resampled, and valid at any size."""

import warnings
from typing import Final, NamedTuple

import numpy as np
from scipy import stats

from bench.statistics.estimators import Terms, value
from bench.statistics.table import Floats

LEVEL: Final = 0.95
RESAMPLES: Final = 1999
_AT_ONCE: Final = 250


class Interval(NamedTuple):
    """`low` ≤ the truth ≤ `high` in 95 of 100 repetitions."""

    low: float
    high: float


def standard_error(of: Terms) -> float:
    """√(G/(G−1) Σ_g e_g²) with the linearised e_g = Σ_t (top − ratio · bottom) ÷ Σ bottom; NaN below two issues.

    For one ratio over equal issues this is √(Σ(ψ−ψ̄)²/(N(N−1))). Source: Särndal, Swensson, Wretman, *Model
    Assisted Survey Sampling* (1992), section 5.5.
    """
    issues = of.top.shape[1]
    if issues < 2:
        return float("nan")
    whole = of.bottom.sum(axis=1, keepdims=True)
    ratios = of.top.sum(axis=1, keepdims=True) / whole
    spread = ((of.top - ratios * of.bottom) / whole).sum(axis=0)
    return float(np.sqrt(issues / (issues - 1) * np.sum(spread**2)))


def linearised(of: Terms) -> Interval:
    """The estimate ± t · standard error, with G − 1 degrees of freedom."""
    half = float(stats.t.ppf((1 + LEVEL) / 2, of.top.shape[1] - 1)) * standard_error(of)
    return Interval(value(of) - half, value(of) + half)


def resampled(of: Terms, seed: int) -> Interval:
    """Bias-corrected and accelerated bootstrap (Efron, 1987): issues are drawn, every ratio is made anew.

    The names of issues change nothing: they stand in the order of their sums. NaN where resamples agree, or where
    some have nothing in them that counts.
    """
    order = np.lexsort(np.vstack([of.top, of.bottom]))
    parts = len(of.top)

    def statistic(*sums: Floats, axis: int) -> Floats:
        whole = [part.sum(axis=axis) for part in sums]
        with np.errstate(invalid="ignore"):
            total: Floats = np.sum([whole[t] / whole[parts + t] for t in range(parts)], axis=0)
        return total

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        found = stats.bootstrap(
            (*of.top[:, order], *of.bottom[:, order]),
            statistic,
            paired=True,
            vectorized=True,
            n_resamples=RESAMPLES,
            batch=_AT_ONCE,
            confidence_level=LEVEL,
            method="BCa",
            rng=np.random.default_rng([seed, len(order)]),
        ).confidence_interval
    return Interval(float(found.low), float(found.high))


def finite_sample(means: Floats, largest: float) -> Interval:
    """For the mean of independent numbers in [0, largest], valid at every size (Maurer, Pontil, 2009, theorem 4).

    `largest` must be known before the draw: what the sample happened to show as its largest is no bound.
    """
    size = len(means)
    if size < 2:
        return Interval(0.0, largest)
    log = np.log(4 / (1 - LEVEL))
    half = np.sqrt(2 * means.var(ddof=1) * log / size) + 7 * largest * log / (3 * (size - 1))
    return Interval(float(means.mean() - half), float(means.mean() + half))
