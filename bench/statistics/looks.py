"""Intervals that may be looked at as often as one likes while outcomes come in.

A *confidence sequence* holds the truth at all looks together in 95 of 100 repetitions, so that stopping at a
look, or going on because of one, costs nothing. The outcomes must come in an order that tells nothing about
them: the order of admission, which is random and fixed before anything runs. What is looked at is the longest
row of decided cases in that order, not the cases that happen to be quick.
"""

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ALPHA: Final = 0.05
_MOST_STAKED: Final = 0.5
_HALVINGS: Final = 40


class Look(NamedTuple):
    """A running mean of numbers in [0, 1] with its confidence sequence."""

    mean: float
    low: float
    high: float
    issues: int
    """Issues behind the mean."""
    left_out: int
    """Issues among the first that ended without a result."""


@lru_cache(maxsize=64)
def look(means: tuple[float | None, ...]) -> Look | None:
    """The running mean of `means` in [0, 1], one an issue in the order of admission; None: no result, of the
    issue or of all."""
    known = np.array([mean for mean in means if mean is not None])
    if not len(known):
        return None
    return Look(float(known.mean()), *bounded_mean(known), len(known), len(means) - len(known))


def bounded_mean(values: Floats) -> tuple[float, float]:
    """For the mean of numbers in [0, 1], valid at every look and every size: all means m against which neither
    of two gamblers, one betting on more and one on less, has ever turned 1 into 2/α by now (Waudby-Smith,
    Ramdas, 2024, "Estimating means of bounded random variables by betting", theorem 3).
    """
    mean = float(values.mean())
    low, high = _least_not_refuted(values), 1 - _least_not_refuted(1 - values)
    return min(low, mean), max(high, mean)


def log_capital(values: Floats, mean: float) -> Floats:
    """(…, T) for `values` (…, T): log of what the gambler has who bets on more than `mean` at fair odds.

    A martingale from 0 where every value has this mean given those before; its stakes are known beforehand.
    """
    stakes = np.minimum(_stakes(values), _MOST_STAKED / mean if mean > 0 else np.inf)
    found: Floats = np.cumsum(np.log1p(stakes * (values - mean)), axis=-1)
    return found


def _least_not_refuted(values: Floats) -> float:
    """What is staked does not grow with m, nor does what is won: one crossing, found by halving."""
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
    """√(2 ln(2/α) ÷ (σ̂²_{t−1} t ln(t+1))) from the values before each."""
    t = np.arange(1, values.shape[-1] + 1)
    means = (0.5 + np.cumsum(values, axis=-1)) / (t + 1)
    variance = (0.25 + np.cumsum((values - means) ** 2, axis=-1)) / (t + 1)
    before = np.concatenate([np.full((*values.shape[:-1], 1), 0.25), variance[..., :-1]], axis=-1)
    stakes: Floats = np.sqrt(2 * np.log(2 / ALPHA) / (before * t * np.log(t + 1)))
    return stakes
