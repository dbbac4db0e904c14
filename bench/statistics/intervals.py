"""Confidence intervals clustered by issue: linearised, bootstrap, and finite-sample (empirical Bernstein)."""

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
    """A 95 % confidence interval [`low`, `high`]."""

    low: float
    high: float


def standard_error(of: Terms) -> float:
    """Cluster-robust standard error by Taylor linearisation: √(G/(G−1) Σ_g e_g²), where
    e_g = Σ_t (top − ratio · bottom) ÷ Σ bottom; NaN below two issues.

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
    """Student's t interval: the estimate ± t · linearised standard error, with G − 1 degrees of freedom."""
    half = float(stats.t.ppf((1 + LEVEL) / 2, of.top.shape[1] - 1)) * standard_error(of)
    return Interval(value(of) - half, value(of) + half)


def resampled(of: Terms, seed: int) -> Interval:
    """Bias-corrected and accelerated (BCa) cluster bootstrap (Efron, 1987): issues are resampled, ratios recomputed.

    Issues are sorted by their sums, so their names do not matter. NaN where all resamples agree, or where a
    resample has an empty denominator.
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
        limits = stats.bootstrap(
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
    return Interval(float(limits.low), float(limits.high))


def finite_sample(means: Floats, largest: float) -> Interval:
    """Empirical Bernstein bound for the mean of independent numbers in [0, largest], valid at every sample size
    (Maurer, Pontil, 2009, theorem 4).

    `largest` must be known before the draw: the sample maximum is no valid bound.
    """
    size = len(means)
    if size < 2:
        return Interval(0.0, largest)
    log = np.log(4 / (1 - LEVEL))
    half = np.sqrt(2 * means.var(ddof=1) * log / size) + 7 * largest * log / (3 * (size - 1))
    return Interval(float(means.mean() - half), float(means.mean() + half))
