"""Cluster bootstrap of ratio estimates: published numbers with intervals resampled over issues."""

import numpy as np

from bench.statistics.estimate import Estimate
from bench.statistics.estimators import Terms, value
from bench.statistics.intervals import Interval, finite_sample, resampled, standard_error

NO_SPREAD = 1e-12


def interval(of: Terms, seed: int, low: float, high: float) -> Interval:
    """BCa bootstrap interval over issues; where all issues agree, an empirical Bernstein bound on [low, high].

    All of [low, high] where so few issues are observed that a resample may contain none of them.
    """
    point = value(of)
    if standard_error(of) > NO_SPREAD:
        span = resampled(of, seed)
        if not np.isfinite(span).all():
            return Interval(low, high)
    else:
        agreed = np.full(of.top.shape[1], (point - low) / (high - low))
        unit = finite_sample(agreed, 1.0)
        span = Interval(low + (high - low) * unit.low, low + (high - low) * unit.high)
    return Interval(max(low, min(span.low, point)), min(high, max(span.high, point)))


def published(estimand: str, of: Terms, seed: int, how: str, low: float = 0.0, high: float = 1.0) -> Estimate:
    """The estimate of a quantity in [low, high], with its bootstrap interval."""
    method = f"{how}; 95 % BCa over {of.top.shape[1]} issues"
    return Estimate(estimand, value(of), *interval(of, seed, low, high), method)
