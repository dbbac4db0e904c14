"""Weighted means of many actions, partially pooled by a normal–normal empirical-Bayes model.

Each action has a Hájek mean of values in [0, 1], θ̂ = Σ w·y ÷ Σ w with w = 1/π. Their sampling covariance is that of
values with variance φ·m(1 − m) around the mean m of an action and correlation ρ within an issue; φ and ρ are moment
estimates over all actions, so that an action seen on few issues, or always the same, has a standard error too. True
means are N(μ, τ²) over the actions of a kind; the posterior is averaged over a flat prior of μ and of τ on a grid, so
that the interval covers on average over actions though both are estimated (Efron, Morris, 1975; Kass, Steffey, 1989).
"""

from typing import Final, NamedTuple

import numpy as np
from scipy import stats
from scipy.special import ndtr

from bench.statistics.intervals import LEVEL
from bench.statistics.table import Floats, Ints

_SPREADS: Final = np.linspace(0.0, 0.5, 51)
"""The grid of τ: means of values in [0, 1] have a standard deviation of at most ½."""
_LEAST_VARIANCE: Final = 0.02
_PRIOR_ISSUES: Final = 4.0
"""Observations of φ = 1, the variance of single runs, that the estimate of φ begins with."""
_MOST_ALIKE: Final = 0.95
_BISECTIONS: Final = 40
_FEWEST_OF_A_KIND: Final = 3
_SINGLE: Final = 1e-9


class Sample(NamedTuple):
    """n values of A actions on G issues; every action occurs."""

    action: Ints
    """(n,) 0..A−1"""
    issue: Ints
    """(n,) 0..G−1"""
    weight: Floats
    """(n,) 1/π > 0"""
    value: Floats
    """(n,) in [0, 1]"""


class PooledRates(NamedTuple):
    """Means of A actions; all (A,) but `spread`."""

    direct: Floats
    """Hájek, not pooled."""
    error: Floats
    """Standard error of `direct` over issues."""
    effective: Floats
    """Kish's effective number of issues, (Σw)² ÷ Σw²."""
    mean: Floats
    """Posterior mean: pooled."""
    low: Floats
    high: Floats
    """Posterior 95 % interval."""
    spread: float
    """Posterior mean of τ, the standard deviation of the true means."""


def pooled_rates(sample: Sample, kinds: Ints | None = None) -> PooledRates:
    """The weighted and the partially pooled mean of every action of `sample`.

    `kinds` (A,) is the kind of each action: actions are drawn to the mean of their kind, where every kind has enough.
    """
    size = int(sample.action.max(initial=-1)) + 1
    total = np.bincount(sample.action, weights=sample.weight, minlength=size)
    share = sample.weight / total[sample.action]
    direct = _sums(sample.action, share * sample.value, size)
    effective: Floats = 1 / _sums(sample.action, share**2, size)
    middle = np.full(size, np.average(direct, weights=np.sqrt(effective)))
    means = _kinds(kinds, size)
    for _ in range(2):
        covariance = _covariance(sample, share, direct, middle)
        posterior = _posterior(direct, _widening(sample) * covariance, means)
        middle = posterior.mean
    return PooledRates(
        direct,
        np.sqrt(np.diagonal(covariance)),
        effective,
        np.clip(posterior.mean, 0, 1),
        np.clip(posterior.low, 0, 1),
        np.clip(posterior.high, 0, 1),
        posterior.spread,
    )


def _sums(groups: Ints, values: Floats, size: int) -> Floats:
    """(size,) sums of `values` by group."""
    return np.bincount(groups, weights=values, minlength=size).astype(np.float64)


def _covariance(sample: Sample, share: Floats, direct: Floats, middle: Floats) -> Floats:
    """(A, A) sampling covariance of `direct` under the working model with means `middle`."""
    size, issues = len(direct), int(sample.issue.max(initial=-1)) + 1
    scale = np.sqrt(np.maximum(middle * (1 - middle), _LEAST_VARIANCE))[sample.action]
    residual = (sample.value - direct[sample.action]) / scale
    # E[residual²] of a member of a weighted mean with shares p: φ·(1 − 2p + Σp²).
    concentration = np.bincount(sample.action, weights=share**2, minlength=size)[sample.action]
    left = np.maximum(1 - 2 * share + concentration, 0.0) * (concentration < 1 - _SINGLE)
    prior = _PRIOR_ISSUES * np.mean(share**2)
    excess = (np.sum(share**2 * residual**2) + prior) / (np.sum(share**2 * left) + prior)
    loading = np.zeros((size, issues))
    np.add.at(loading, (sample.action, sample.issue), share * scale)
    # What one value adds to its own mean would hide how alike values are: residuals from the mean of the others.
    several = share < 1 - _SINGLE
    others = np.divide(residual, 1 - share, where=several, out=np.zeros_like(residual)) / np.sqrt(excess)
    alike = _correlation(sample, np.where(several, share * scale, 0.0), others)
    own = np.bincount(sample.action, weights=(share * scale) ** 2, minlength=size)
    covariance: Floats = excess * ((1 - alike) * np.diag(own) + alike * loading @ loading.T)
    return covariance


def _correlation(sample: Sample, loading: Floats, residual: Floats) -> float:
    """ρ, the correlation of standardised residuals within an issue: a moment estimate in [0, 0.95]."""
    issues = int(sample.issue.max(initial=-1)) + 1

    def pairs(values: Floats) -> float:
        sums = np.bincount(sample.issue, weights=values, minlength=issues)
        return float(np.sum(sums**2) - np.sum(values**2))

    weight = pairs(loading)
    if weight <= 0:
        return 0.0
    return float(np.clip(pairs(loading * residual) / weight, 0.0, _MOST_ALIKE))


def _widening(sample: Sample) -> float:
    """(t ÷ z)² for G − 1 degrees of freedom: the variance is itself an estimate over issues."""
    issues = int(sample.issue.max(initial=0)) + 1
    tail = (1 + LEVEL) / 2
    return float(stats.t.ppf(tail, max(issues - 1, 1)) / stats.norm.ppf(tail)) ** 2


def _kinds(kinds: Ints | None, size: int) -> Floats:
    """(A, P) which of P means each action has; a single one where a kind has few actions."""
    if kinds is not None:
        names, kind, members = np.unique(kinds, return_inverse=True, return_counts=True)
        if members.min() >= _FEWEST_OF_A_KIND:
            return np.eye(len(names))[kind]
    return np.ones((size, 1))


class _Posterior(NamedTuple):
    mean: Floats
    low: Floats
    high: Floats
    spread: float


def _posterior(direct: Floats, covariance: Floats, kinds: Floats) -> _Posterior:
    """The posterior of the true means θ: θ̂ | θ ~ N(θ, V), θ ~ N(Xμ, τ²) with X = `kinds` (A, P), flat in μ and τ."""
    values, vectors = np.linalg.eigh(covariance)
    inverse = 1 / (np.maximum(values, 1e-12) + _SPREADS[:, None] ** 2)  # (T, A)
    turned, kinds_turned = vectors.T @ direct, vectors.T @ kinds  # (A,), (A, P)
    weighed = inverse[:, :, None] * kinds_turned  # (T, A, P)
    precision = np.einsum("ap,taq->tpq", kinds_turned, weighed)
    spread_of_centre = np.linalg.inv(precision)
    centre = np.einsum("tpq,taq,a->tp", spread_of_centre, weighed, turned)
    off = turned - centre @ kinds_turned.T
    log_odds = 0.5 * (
        np.log(inverse).sum(axis=1) - np.linalg.slogdet(precision)[1] - (inverse * off**2).sum(axis=1)
    )
    odds = np.exp(log_odds - log_odds.max())
    odds /= odds.sum()
    squared = _SPREADS[:, None] ** 2
    means = centre @ kinds.T + squared * (inverse * off) @ vectors.T  # (T, A)
    pull = kinds - squared[:, :, None] * np.einsum("ab,tbp->tap", vectors, weighed)
    variance = squared - squared**2 * inverse @ (vectors.T**2)
    variance = variance + np.einsum("tap,tpq,taq->ta", pull, spread_of_centre, pull)
    sd = np.sqrt(np.maximum(variance, 1e-12))
    tail = (1 - LEVEL) / 2
    return _Posterior(
        odds @ means,
        _quantile(tail, odds, means, sd),
        _quantile(1 - tail, odds, means, sd),
        float(odds @ _SPREADS),
    )


def _quantile(at: float, odds: Floats, means: Floats, sd: Floats) -> Floats:
    """(A,) quantile of a mixture of normals with weights `odds` (T,), `means` and `sd` (T, A), by bisection."""
    low, high = (means - 9 * sd).min(axis=0), (means + 9 * sd).max(axis=0)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        below = odds @ ndtr((middle - means) / sd) < at
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    quantile: Floats = (low + high) / 2
    return quantile
