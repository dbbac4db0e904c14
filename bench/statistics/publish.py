"""Ratios of per-issue sums as published numbers, resampled over issues."""

import numpy as np

from bench.statistics.estimate import Estimate
from bench.statistics.estimators import Terms, value
from bench.statistics.intervals import Interval, finite_sample, resampled, standard_error

NO_SPREAD = 1e-12


def interval(of: Terms, seed: int, low: float, high: float) -> Interval:
    """BCa over issues; where they all agree, a bound that holds at any size for numbers in [low, high].

    All of [low, high] where so few issues say anything that they may all be missing from a resample.
    """
    found = value(of)
    if standard_error(of) > NO_SPREAD:
        span = resampled(of, seed)
        if not np.isfinite(span).all():
            return Interval(low, high)
    else:
        agreed = np.full(of.top.shape[1], (found - low) / (high - low))
        unit = finite_sample(agreed, 1.0)
        span = Interval(low + (high - low) * unit.low, low + (high - low) * unit.high)
    return Interval(max(low, min(span.low, found)), min(high, max(span.high, found)))


def published(estimand: str, of: Terms, seed: int, how: str, low: float = 0.0, high: float = 1.0) -> Estimate:
    """The number, known to lie in [low, high], with its interval."""
    method = f"{how}; 95 % BCa over {of.top.shape[1]} issues"
    return Estimate(estimand, value(of), *interval(of, seed, low, high), method)
