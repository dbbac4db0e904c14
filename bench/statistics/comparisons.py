"""Families of published differences: their intervals and p-values, adjusted for all comparisons of one report."""

from collections.abc import Sequence
from typing import NamedTuple

from scipy import stats

from bench.statistics.estimate import Estimate
from bench.statistics.multiplicity import ALPHA, Comparison, stepwise
from bench.statistics.sequence import sequence_width


class Difference(NamedTuple):
    """A difference between two policies, adjusted for the others of its family."""

    estimate: Estimate
    p_value: float | None
    """Holm-adjusted; None for a refusal, for equal choices, and for a look."""


def holm_family(estimates: Sequence[Estimate], issues: int) -> list[Difference]:
    """The differences, in their order, with Holm's stepwise intervals; `estimates` have 95 % t intervals over `issues`.

    Refusals and differences of equal choices are no comparisons, and stay as they are.
    """
    degrees = max(issues - 1, 1)
    per_error = float(stats.t.isf(ALPHA / 2, degrees))
    compared = {number: limits for number, limits in enumerate(map(_limits, estimates)) if limits is not None}
    adjusted = stepwise(
        [
            Comparison(value, (value - low) / per_error, (high - value) / per_error, degrees)
            for value, low, high in compared.values()
        ]
    )
    differences = [Difference(estimate, None) for estimate in estimates]
    for number, row in zip(compared, adjusted, strict=True):
        method = _over(estimates[number].method, "Holm", len(compared))
        estimate = estimates[number]._replace(low=row.low, high=row.high, method=method)
        differences[number] = Difference(estimate, row.p_value)
    return differences


def look_family(estimates: Sequence[Estimate], issues: int, expected: int) -> list[Difference]:
    """The differences with confidence sequences at α ÷ m, for m comparisons; `estimates` have those at α."""
    compared = {number: limits for number, limits in enumerate(map(_limits, estimates)) if limits is not None}
    differences = [Difference(estimate, None) for estimate in estimates]
    if not compared:
        return differences
    narrow = float(sequence_width(issues, expected))
    wider = float(sequence_width(issues, expected, ALPHA / len(compared))) / narrow
    for number, (value, low, high) in compared.items():
        estimate = estimates[number]._replace(
            low=value - wider * (value - low),
            high=value + wider * (high - value),
            method=_over(estimates[number].method, "Bonferroni", len(compared)),
        )
        differences[number] = Difference(estimate, None)
    return differences


def _limits(estimate: Estimate) -> tuple[float, float, float] | None:
    """Value and limits of a difference that counts as a comparison; None for a refusal or for equal choices."""
    value, low, high = estimate.value, estimate.low, estimate.high
    if value is None or low is None or high is None or low == high:
        return None
    return value, low, high


def _over(method: str, how: str, comparisons: int) -> str:
    return method if comparisons == 1 else f"{method.replace('95 % ', '')}, 95 % {how} over {comparisons}"
