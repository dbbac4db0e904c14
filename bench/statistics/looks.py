"""Confidence sequences by betting: intervals that are valid at every interim look.

A *confidence sequence* covers the true value at all looks simultaneously with probability 0.95, so that optional
stopping and optional continuation do not invalidate it. The outcomes must arrive in an order that is independent of
them: the order of admission, which is random and fixed before anything runs. A look uses the longest prefix of
decided cases in that order, not the cases that happen to be quick.
"""

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ALPHA: Final = 0.05
_MAX_STAKE: Final = 0.5
_HALVINGS: Final = 40


class Look(NamedTuple):
    """A running mean of numbers in [0, 1] with its confidence sequence."""

    mean: float
    low: float
    high: float
    issues: int
    """Issues behind the mean."""
    left_out: int
    """Issues of the prefix that ended without a result."""


@lru_cache(maxsize=64)
def look(means: tuple[float | None, ...]) -> Look | None:
    """Running mean and confidence sequence of `means` in [0, 1], one an issue in the order of admission.

    A None in `means` is an issue without a result; None is returned where no issue has one.
    """
    known = np.array([mean for mean in means if mean is not None])
    if not len(known):
        return None
    return Look(float(known.mean()), *bounded_mean(known), len(known), len(means) - len(known))


def bounded_mean(values: Floats) -> tuple[float, float]:
    """Betting confidence sequence for the mean of numbers in [0, 1], valid at every look and every sample size:
    all means m for which neither of two capital processes, one betting on more and one on less, has reached 2/α
    (Waudby-Smith, Ramdas, 2024, "Estimating means of bounded random variables by betting", theorem 3).
    """
    mean = float(values.mean())
    low, high = _least_not_refuted(values), 1 - _least_not_refuted(1 - values)
    return min(low, mean), max(high, mean)


def log_capital(values: Floats, mean: float) -> Floats:
    """(…, T) for `values` (…, T): log capital of a bet on a mean above `mean` at fair odds.

    The capital is a martingale from 1 where every value has this conditional mean; its stakes are predictable.
    """
    stakes = np.minimum(_stakes(values), _MAX_STAKE / mean if mean > 0 else np.inf)
    capital: Floats = np.cumsum(np.log1p(stakes * (values - mean)), axis=-1)
    return capital


def _least_not_refuted(values: Floats) -> float:
    """Lower confidence limit by bisection: neither stakes nor gains grow with m, so there is one crossing."""
    low, high = 0.0, 1.0
    if log_capital(values, low)[-1] < np.log(2 / ALPHA):
        return 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if log_capital(values, middle)[-1] < np.log(2 / ALPHA):
            high = middle
        else:
            low = middle
    return low


def _stakes(values: Floats) -> Floats:
    """Predictable stakes √(2 ln(2/α) ÷ (σ̂²_{t−1} t ln(t+1))), each from the values before it."""
    t = np.arange(1, values.shape[-1] + 1)
    means = (0.5 + np.cumsum(values, axis=-1)) / (t + 1)
    variance = (0.25 + np.cumsum((values - means) ** 2, axis=-1)) / (t + 1)
    before = np.concatenate([np.full((*values.shape[:-1], 1), 0.25), variance[..., :-1]], axis=-1)
    stakes: Floats = np.sqrt(2 * np.log(2 / ALPHA) / (before * t * np.log(t + 1)))
    return stakes
