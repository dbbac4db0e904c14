"""Bootstrap-t intervals over issues for means of skewed amounts, such as dollars and minutes.

Few issues ran an action, and a few dear runs carry its mean: the mean and its standard error then rise and fall
together, and Student's t misses on one side. The quantiles of (m* − m) ÷ se* over resampled issues correct it (Hall,
*The Bootstrap and Edgeworth Expansion*, 1992, section 3.3). One action's few runs seldom show their own tail, so the
resamples of all actions with about as many issues are pooled.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from scipy import stats

from bench.statistics.estimators import Terms, value
from bench.statistics.intervals import Interval, standard_error
from bench.statistics.table import Bools, Floats, Ints

RESAMPLES: Final = 400
SEED: Final = 25
TAILS: Final = (0.01, 0.96)
"""Quantiles of the pooled resamples: 95 %, with less error above, where a bench often has not seen the dearest run."""
_ALIKE: Final = 4.0
"""Policies are pooled where neither ran in more than so many times the issues of the other."""
_NO_SPREAD: Final = 1e-12


class Resamples(NamedTuple):
    """Studentised resamples of S estimates, with the number of issues behind each."""

    studentised: Floats
    """(B, S) NaN where a resample has no variance."""
    issues: Ints
    """(S,)"""

    def quantiles(self, issues: int) -> tuple[float, float]:
        """The quantiles for an estimate from `issues` issues."""
        studentised = self.studentised[:, self._alike(issues)]
        known = studentised[np.isfinite(studentised)]
        # Without a spread in any resample the standard error is 0, or nearly.
        low, high = np.quantile(known, TAILS) if len(known) else stats.norm.ppf(TAILS)
        return float(low), float(high)

    def _alike(self, issues: int) -> Bools:
        ratio = np.maximum(self.issues / max(issues, 1), max(issues, 1) / np.maximum(self.issues, 1))
        alike: Bools = ratio <= _ALIKE
        return alike if alike.any() else ratio == ratio.min()


def resampled_together(sums: Sequence[Terms], issues: Sequence[int]) -> Resamples:
    """Resamples of `sums`, estimates on the same issues of which each rests on so many of the `issues`."""
    tops = np.array([of.top.sum(axis=0) for of in sums])
    cases = sums[0].bottom[0]
    # Sorted by content, so that the names of issues do not matter.
    order = np.lexsort(np.vstack([tops, cases]))
    tops, cases = tops[:, order], cases[order]
    size = len(cases)
    rng = np.random.default_rng([SEED, size])
    copies = rng.multinomial(size, np.full(size, 1 / size), size=RESAMPLES).astype(np.float64)
    total = (copies @ cases)[:, None]
    means = copies @ tops.T / total
    squares = copies @ (tops**2).T - 2 * means * (copies @ (tops * cases).T)
    squares = squares + means**2 * (copies @ cases**2)[:, None]
    errors = np.sqrt(np.maximum(squares, 0.0) * size / max(size - 1, 1)) / total
    off = means - np.array([value(of) for of in sums])
    spread = errors > _NO_SPREAD
    return Resamples(np.divide(off, errors, out=np.full(off.shape, np.nan), where=spread), np.array(issues))


def interval_above_zero(of: Terms, issues: int, resamples: Resamples) -> Interval:
    """The interval of an amount that is never negative."""
    low, high = resamples.quantiles(issues)
    mean, error = value(of), standard_error(of)
    return Interval(max(0.0, min(mean, mean - high * error)), max(mean, mean - low * error))


def interval_of_difference(first: Terms, second: Terms, limits: tuple[Interval, Interval]) -> Interval:
    """The interval of a paired difference of two amounts, from the intervals of both (method of variance estimates
    recovery: Zou, Donner, 2008), so that it has their skewness; the correlation is that over issues."""
    estimates = value(first), value(second)
    pairs = np.array([of.top.sum(axis=0) - value(of) * of.bottom[0] for of in (first, second)])
    squares = (pairs**2).sum(axis=1)
    both = float((pairs[0] * pairs[1]).sum() / np.sqrt(squares.prod())) if squares.all() else 0.0

    def half(first_half: float, second_half: float) -> float:
        return float(np.sqrt(max(0.0, first_half**2 + second_half**2 - 2 * both * first_half * second_half)))

    difference = estimates[0] - estimates[1]
    low = difference - half(estimates[0] - limits[0].low, limits[1].high - estimates[1])
    return Interval(low, difference + half(limits[0].high - estimates[0], estimates[1] - limits[1].low))
