"""The value of a case's leading arm, corrected for the winner's curse.

The leader's own mean is biased upwards, for it was selected for being high. The point estimate is empirical Bayes:
shrinkage by an amount estimated from the spread of the arms. The interval is simultaneous over the K arms of the
case: each arm's exact interval at level 0.95^(1/K) (Šidák, the arms being independent), so that it holds whichever
arm is chosen and however. Conditional and hybrid inference (Andrews, Kitagawa and McCloskey, "Inference on
winners", *QJE*, 2024) is narrower for estimates that are normal with known variance; means of two to ten passes
are neither, and near ties its intervals have no bound.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from scipy import stats

from bench.statistics.intervals import Interval

LEVEL: Final = 0.95


@lru_cache(maxsize=4096)
def pass_interval(passed: int, runs: int, arms: int) -> Interval:
    """Clopper–Pearson interval for one of `arms` arms, simultaneous over all of them (Šidák)."""
    limits = stats.binomtest(passed, runs).proportion_ci(LEVEL ** (1 / arms), method="exact")
    return Interval(float(limits.low), float(limits.high))


def mean_interval(mean: float, runs: float, arms: int, within: float, freedom: float) -> Interval:
    """Student's t interval with the pooled variance `within` of `freedom` degrees, simultaneous over `arms` arms."""
    tail = (1 - LEVEL ** (1 / arms)) / 2
    half = float(stats.t.isf(tail, freedom) * np.sqrt(within / runs))
    return Interval(mean - half, mean + half)
