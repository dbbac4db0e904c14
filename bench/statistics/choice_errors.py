"""Error variances of arms with different numbers of runs: Var e = s_int² + s_w² ÷ R."""

from typing import NamedTuple

import numpy as np

from bench.statistics.arms import Arms
from bench.statistics.components import variances, within_variance
from bench.statistics.errors import NotIdentifiedError
from bench.statistics.table import Floats


class ErrorVariances(NamedTuple):
    """How much less an arm with more runs varies."""

    relative_precision: Floats
    """(n,) of each arm, on average 1."""
    within: float | None
    """s_w², the variance of single runs; None where no arm was run twice."""
    mean_inverse_runs: float

    def of_one_run(self, noise: float) -> float:
        """Error variance of an arm with one run, where an average arm has `noise`."""
        return noise + (self.within or 0.0) * (1 - self.mean_inverse_runs)


def error_variances(arms: Arms) -> ErrorVariances:
    """The error variances of `arms`; all alike where no arm was run twice, for noise is then not identified."""
    same = np.ones(len(arms.runs))
    if not arms.replicated:
        return ErrorVariances(same, None, 1.0)
    within, inverse = within_variance(arms), float((1 / arms.runs).mean())
    if np.ptp(arms.runs) == 0 or within == 0:
        return ErrorVariances(same, within, inverse)
    precision = 1 / (_interaction(arms, within) + within / arms.runs)
    return ErrorVariances(precision / precision.mean(), within, inverse)


def _interaction(arms: Arms, within: float) -> float:
    """s_int², or s_w² itself where issues and actions leave nothing to estimate it from."""
    try:
        return max(0.0, variances(arms, within=within).interaction)
    except NotIdentifiedError:
        return within
