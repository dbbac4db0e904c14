"""How many executions pass within so many minutes, when some are cut off before (Kaplan, Meier, 1958)."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy import stats

from bench.errors import BenchError
from bench.statistics.estimate import Estimate, refused
from bench.statistics.intervals import LEVEL
from bench.statistics.table import Bools, Floats, Ints

ESTIMAND: Final = "pass_unlimited"
RESAMPLES: Final = 500
FEWEST_ISSUES: Final = 30


def passed_within(
    times: Sequence[float], minutes: Floats, passed: Bools, issue: Ints, *, seed: int
) -> tuple[Estimate, ...]:
    """For each of `times` the share of executions that pass within that many minutes, were no budget in the way.

    `minutes` (E,) is when an execution passed, or until when it is known not to have passed: its end where
    something stopped it, and its whole budget where it gave up, for that it would not have passed in it is
    known too (Fine, Gray, 1999, complete censoring). `issue` (E,) are the clusters that the percentile
    interval resamples. A time beyond the last one at which anything was still observed is refused, and all
    are with fewer than 30 issues.
    """
    if not len(minutes) == len(passed) == len(issue) or not np.isfinite(minutes).all():
        raise BenchError("times to pass need minutes, whether it passed, and the issue of every execution")
    method = f"Kaplan–Meier, 95 % percentile bootstrap over issues, {RESAMPLES} resamples"
    members = [np.flatnonzero(issue == one) for one in np.unique(issue)]
    if len(members) < FEWEST_ISSUES:
        why = f"{len(members)} issues are too few, {FEWEST_ISSUES} are needed: bench more issues"
        return tuple(refused(_named(time), method, why) for time in times)
    points = np.array(times, dtype=np.float64)
    share = _share(points, minutes, passed)
    rng = np.random.default_rng([seed, len(members)])
    draws = []
    for _ in range(RESAMPLES):
        picked = np.concatenate([members[place] for place in rng.integers(len(members), size=len(members))])
        draws.append(_share(points, minutes[picked], passed[picked]))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.array(draws), [tail, 1 - tail], axis=0)
    return tuple(
        _published(time, Estimate(_named(time), *figures, method=method), float(minutes.max()))
        for time, figures in zip(times, zip(share, low, high, strict=True), strict=True)
    )


def _published(time: float, found: Estimate, last: float) -> Estimate:
    if time > last:
        why = f"nothing was observed beyond {last:g} minutes: allow larger budgets"
        return refused(found.estimand, found.method, why)
    if found.low == found.high:
        why = "all issues agree, which does not tell how far off they may be: bench more issues"
        return refused(found.estimand, found.method, why)
    return found


def _named(time: float) -> str:
    return f"{ESTIMAND} within {time:g} minutes"


def _share(points: Floats, minutes: Floats, passed: Bools) -> Floats:
    """(points,) one minus the survival function."""
    found = stats.ecdf(stats.CensoredData(uncensored=minutes[passed], right=minutes[~passed]))
    share: Floats = found.cdf.evaluate(points)
    return share
