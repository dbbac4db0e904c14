"""Paired differences between two benches: the same actions on the same issues, with intervals over issues."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from bench.statistics.estimate import Estimate, refused
from bench.statistics.estimators import Terms
from bench.statistics.intervals import linearised
from bench.statistics.publish import NO_SPREAD, published
from bench.statistics.table import Floats

FEWEST_ISSUES: Final = 2
_NOTHING_SHARED: Final = "no action was scored on the same issue in both"


class MeanPair(NamedTuple):
    """A mean of one action on one issue, in both benches."""

    issue: str
    first: float
    second: float


def paired_rates(estimand: str, pairs: Sequence[MeanPair], seed: int) -> Estimate:
    """The mean difference of rates in [0, 1], second minus first: over the pairs of each issue, then over issues.

    Returns: the difference with its BCa bootstrap interval over issues; an empirical Bernstein bound where all issues
    agree. A refusal where no issue is shared.
    """
    differences = _by_issue(pairs)
    if not len(differences):
        return refused(estimand, "paired", _NOTHING_SHARED)
    return published(estimand, _terms(differences), seed, "paired by issue and action", -1.0, 1.0)


def paired_amounts(estimand: str, pairs: Sequence[MeanPair]) -> Estimate:
    """The same for amounts without bounds, such as dollars, with Student's t interval over issues.

    Below `FEWEST_ISSUES`, and where all issues agree, there is no interval.
    """
    differences = _by_issue(pairs)
    if not len(differences):
        return refused(estimand, "paired", _NOTHING_SHARED)
    mean, issues = float(differences.mean()), len(differences)
    if issues < FEWEST_ISSUES or float(np.ptp(differences)) <= NO_SPREAD:
        return Estimate(estimand, mean, None, None, f"paired by issue and action, {issues} issues alike")
    span = linearised(_terms(differences))
    return Estimate(estimand, mean, *span, f"paired by issue and action; 95 % t over {issues} issues")


def _by_issue(pairs: Sequence[MeanPair]) -> Floats:
    """(G,) mean differences of the issues, in the order of their names."""
    differences: dict[str, list[float]] = {}
    for pair in pairs:
        differences.setdefault(pair.issue, []).append(pair.second - pair.first)
    means: Floats = np.array([np.mean(differences[issue]) for issue in sorted(differences)], dtype=np.float64)
    return means


def _terms(differences: Floats) -> Terms:
    return Terms(differences[np.newaxis], np.ones((1, len(differences))))
