"""Kaplan–Meier estimate of the share of executions that pass within a given time, under right censoring (1958)."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from bench.errors import BenchError
from bench.statistics.estimate import Estimate, refused
from bench.statistics.intervals import LEVEL
from bench.statistics.table import Bools, Floats, Ints

ESTIMAND: Final = "pass_unlimited"
RESAMPLES: Final = 500
FEWEST_ISSUES: Final = 30


def passed_within(
    times: Sequence[float],
    minutes: Floats,
    passed: Bools,
    issue: Ints,
    *,
    seed: int,
    weights: Floats | None = None,
) -> tuple[Estimate, ...]:
    """Kaplan–Meier estimates of the share of executions that would pass within each of `times`, without a budget.

    `minutes` (E,) is the time of passing, or the censoring time: the end of an execution that was stopped, and the
    whole budget of one that gave up, since it is known not to pass within it (Fine, Gray, 1999, complete
    censoring). `issue` (E,) are the clusters that the percentile interval resamples. `weights` (E,) are 1/π of the arms
    they ran for, all 1 where None: executions at risk and passing are counted by them.

    Returns: one estimate for each time; refused beyond the last observed time, and with fewer than 30 issues.
    Raises: `BenchError` where the arrays differ in length or a time is not finite.
    """
    if not len(minutes) == len(passed) == len(issue) or not np.isfinite(minutes).all():
        raise BenchError("times to pass need minutes, whether it passed, and the issue of every execution")
    weighed = np.ones(len(minutes)) if weights is None else weights
    how = "Kaplan–Meier" if np.all(weighed == 1) else "Kaplan–Meier, weights 1/π"
    method = f"{how}, 95 % percentile bootstrap over issues, {RESAMPLES} resamples"
    members = [np.flatnonzero(issue == cluster) for cluster in np.unique(issue)]
    if len(members) < FEWEST_ISSUES:
        few = "1 issue is" if len(members) == 1 else f"{len(members)} issues are"
        why = f"{few} too few, {FEWEST_ISSUES} are needed: bench more issues"
        return tuple(refused(_named(time), method, why) for time in times)
    points = np.array(times, dtype=np.float64)
    share = _share(points, minutes, passed, weighed)
    rng = np.random.default_rng([seed, len(members)])
    draws = []
    for _ in range(RESAMPLES):
        clusters = rng.integers(len(members), size=len(members))
        picked = np.concatenate([members[cluster] for cluster in clusters])
        draws.append(_share(points, minutes[picked], passed[picked], weighed[picked]))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.array(draws), [tail, 1 - tail], axis=0)
    return tuple(
        _published(time, Estimate(_named(time), *figures, method=method), float(minutes.max()))
        for time, figures in zip(times, zip(share, low, high, strict=True), strict=True)
    )


def _published(time: float, estimate: Estimate, last: float) -> Estimate:
    if time > last:
        why = f"nothing was observed beyond {last:g} minutes: allow larger budgets"
        return refused(estimate.estimand, estimate.method, why)
    if estimate.low == estimate.high:
        why = "all issues agree, so their variance cannot be estimated: bench more issues"
        return refused(estimate.estimand, estimate.method, why)
    return estimate


def _named(time: float) -> str:
    return f"{ESTIMAND} within {time:g} minutes"


def _share(points: Floats, minutes: Floats, passed: Bools, weights: Floats) -> Floats:
    """(points,) the distribution function of the time to pass: one minus the weighted product-limit estimate."""
    ends, position = np.unique(minutes, return_inverse=True)
    ended = np.bincount(position, weights=weights)
    passing = np.bincount(position, weights=np.where(passed, weights, 0.0))
    at_risk = np.cumsum(ended[::-1])[::-1]
    surviving = np.concatenate([[1.0], np.cumprod(1 - passing / at_risk)])
    share: Floats = 1 - surviving[np.searchsorted(ends, points, side="right")]
    return share
