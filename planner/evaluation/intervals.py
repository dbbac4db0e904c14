"""Bootstrap intervals, resampled by issue: the examples of one issue are not independent.

Percentile intervals of the cluster bootstrap (Efron, Tibshirani, *An Introduction to the Bootstrap*, 1993,
chapter 13; Davison, Hinkley, *Bootstrap Methods and their Application*, 1997, section 3.8). With few issues
they are too narrow; `verdict` therefore needs more than an interval.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

RESAMPLES: Final = 2000
LEVEL: Final = 0.95
FEWEST_THAT_DIFFER: Final = 6
"""Minimum number of issues on which two policies differ for a gain to be shown: with fewer, even a unanimous sign test
has p > 5 % (2 · 0.5⁵ = 6.25 %)."""
_AT_ONCE: Final = 100
_DEFINED: Final = 0.95
"""Minimum share of resamples with a defined value; below it there is no interval."""

Floats = NDArray[np.float64]
Verdict = Literal["shown", "not shown"]
"""Whether a gain over the reference is statistically shown; a loss never is."""


class BootstrapInterval(NamedTuple):
    """An estimate with its 95 % bootstrap interval; None where undefined, as for one issue or a zero denominator."""

    estimate: float | None
    low: float | None
    high: float | None


class PairedDifference(NamedTuple):
    """Paired difference: a policy minus a reference, on the examples where both are observed."""

    interval: BootstrapInterval
    issues: int
    issues_that_differ: int


class Resampler:
    """Cluster bootstrap over issues. All estimates share the same resamples, so that differences are paired."""

    def __init__(self, issue_ids: Sequence[str], seed: int, resamples: int = RESAMPLES) -> None:
        _, self._issue_of = np.unique(np.asarray(issue_ids, dtype=np.str_), return_inverse=True)
        self.issues = int(self._issue_of.max()) + 1 if len(issue_ids) else 0
        self._counts = _counts(self.issues, seed, resamples)

    def ratio(self, top: Floats, bottom: Floats) -> BootstrapInterval:
        """Bootstrap interval of Σ top / Σ bottom over examples; both (N,)."""
        sums = self._by_issue(top, bottom)
        return _interval(_ratio(sums.sum(axis=0)), _ratio(self._resampled(sums)), self.issues)

    def difference(
        self, own: tuple[Floats, Floats], other: tuple[Floats, Floats], both: NDArray[np.bool_]
    ) -> PairedDifference:
        """Paired difference of two ratios Σ top / Σ bottom, `own` minus `other`, over the examples of `both`."""
        sums = self._by_issue(*(np.where(both, column, 0.0) for column in (*own, *other)))
        resampled = self._resampled(sums)
        estimate = _ratio(sums[:, :2].sum(axis=0)) - _ratio(sums[:, 2:].sum(axis=0))
        interval = _interval(estimate, _ratio(resampled[:, :2]) - _ratio(resampled[:, 2:]), self.issues)
        apart = np.abs(sums[:, :2] - sums[:, 2:]).max(axis=1, initial=0.0) > 1e-9
        seen = np.bincount(self._issue_of[both], minlength=self.issues) > 0
        return PairedDifference(interval, int(seen.sum()), int(apart.sum()))

    def _by_issue(self, *columns: Floats) -> Floats:
        return np.stack(
            [np.bincount(self._issue_of, weights=column, minlength=self.issues) for column in columns], axis=1
        )

    def _resampled(self, sums: Floats) -> Floats:
        """Resampled sums (resamples, columns)."""
        parts = range(0, len(self._counts), _AT_ONCE)
        return np.concatenate([self._counts[at : at + _AT_ONCE].astype(np.float64) @ sums for at in parts])


def verdict(difference: PairedDifference, higher_is_better: bool) -> Verdict:
    """Significance of a gain: the interval excludes 0 on the better side, and enough issues differ."""
    return "shown" if _beyond(difference, higher_is_better) else "not shown"


def is_worse(difference: PairedDifference, higher_is_better: bool) -> bool:
    """Whether a loss is significant by the same rule."""
    return _beyond(difference, not higher_is_better)


def _beyond(difference: PairedDifference, above: bool) -> bool:
    _, low, high = difference.interval
    if low is None or high is None or difference.issues_that_differ < FEWEST_THAT_DIFFER:
        return False
    return low > 0 if above else high < 0


def _counts(issues: int, seed: int, resamples: int) -> NDArray[np.uint8]:
    """Draw counts (resamples, issues). A count fits a byte: its mean is 1."""
    rng = np.random.default_rng(seed)
    counts = np.zeros((resamples, issues), dtype=np.uint8)
    for row in counts if issues else ():
        row[:] = np.bincount(rng.integers(issues, size=issues), minlength=issues)
    return counts


def _ratio(sums: Floats) -> Floats:
    """Column 0 divided by column 1; NaN for a zero denominator."""
    top, bottom = sums[..., 0], sums[..., 1]
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


def _interval(estimate: Floats, resampled: Floats, issues: int) -> BootstrapInterval:
    if not np.isfinite(estimate):
        return BootstrapInterval(None, None, None)
    defined = resampled[np.isfinite(resampled)]
    if issues < 2 or len(defined) < _DEFINED * len(resampled):
        return BootstrapInterval(float(estimate), None, None)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return BootstrapInterval(float(estimate), float(low), float(high))
