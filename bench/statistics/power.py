"""Power analysis of a paired comparison: the issues and replicates that a difference between two actions needs.

Both actions run on the same n issues, R_A and R_B times each, and the mean of the paired differences is tested:

    n = (z_{1−α/2} + z_{1−β})² (ω² + σ_A²/R_A + σ_B²/R_B) ÷ δ²

(Miller, "Adding Error Bars to Evals", 2024, section 5), with ω² = Var_i(p_iA − p_iB) over issues and σ² the mean
variance of one run about its own rate. The test is a t test; z_{1−α/2}²/2 issues more make up for that
(Guenther, 1981), from 15 issues on; below, a point of power is missing. For pass or fail the
result holds within 2 points of power for differences up to 30 points; above that, single runs find what they
should 2 to 4 points less often, for their differences are far from normal.
"""

import math
from typing import Final, NamedTuple

from scipy.stats import norm
from statsmodels.stats.power import normal_sample_size_one_tail

from bench.errors import BenchError
from bench.statistics.components import Variances


class PairedSpread(NamedTuple):
    """Variance components of the paired difference between two actions."""

    between: float
    """ω²: variance over issues of the true difference."""
    first: float
    """σ_A²: mean variance of a run of the first action about its own rate."""
    second: float
    """σ_B²"""

    def of_one_issue(self, runs: float, others: float | None = None) -> float:
        """Variance of one issue's observed difference, after that many runs of each."""
        return self.between + self.first / runs + self.second / (others or runs)


class Aim(NamedTuple):
    """Design of a two-sided test: type-I error `alpha`, and the `power` to detect the difference."""

    alpha: float = 0.05
    power: float = 0.80

    @property
    def reach(self) -> float:
        """z_{1−α/2} + z_{1−β}"""
        return float(norm.ppf(1 - self.alpha / 2) + norm.ppf(self.power))

    @property
    def small_sample(self) -> float:
        """Issues that a t test needs in addition to those of the normal test (Guenther, 1981)."""
        return float(norm.ppf(1 - self.alpha / 2) ** 2 / 2)


STANDARD: Final = Aim()


def paired_spread(variances: Variances) -> PairedSpread:
    """The spread of a pair of actions under these variance components: the true rates of two actions on one issue
    differ by their two issue×action effects and a constant, so ω² = 2 s_int².
    """
    return PairedSpread(2 * variances.interaction, variances.within, variances.within)


def issues_needed(variance: float, difference: float, aim: Aim = STANDARD) -> int:
    """Sample size: the issues on which both must run; `variance` as from `of_one_issue`.

    Raises: `BenchError` for a difference of 0 or less, or a negative variance.
    """
    if variance < 0 or difference <= 0:
        raise BenchError("give a difference above 0 and variances of 0 or more")
    if variance == 0:
        return math.ceil(aim.small_sample) + 1
    size = normal_sample_size_one_tail(difference, aim.power, aim.alpha / 2, std_null=math.sqrt(variance))
    return math.ceil(float(size) + aim.small_sample)


def detectable(variance: float, issues: int, aim: Aim = STANDARD) -> float | None:
    """Minimum detectable difference on that many issues; None where they are too few for any."""
    free = issues - aim.small_sample
    return aim.reach * math.sqrt(variance / free) if free > 1 else None
