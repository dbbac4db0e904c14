"""Point estimate with an interval, or the reason why it is refused: the type of every published number."""

from typing import NamedTuple


class Estimate(NamedTuple):
    """A point estimate with its interval, a partially identified bracket, or a refusal.

    `value` lies in [`low`, `high`], in units of `estimand`; both are None where no valid interval exists, and
    `method` gives the reason. A bracket has no `value`: the data identify the estimand only up to
    [`low`, `high`]. A refusal has all three None; `why_not` is one line with what is missing and how to get it.
    """

    estimand: str
    """The quantity estimated: "pass_own_budget", "pass_unlimited", "utility" …"""
    value: float | None
    low: float | None
    high: float | None
    method: str
    """Estimator and interval: "DR, 95 % t over 140 issues"."""
    why_not: str | None = None


def refused(estimand: str, method: str, why_not: str) -> Estimate:
    """A refusal: no value and no interval, with its reason."""
    return Estimate(estimand, None, None, None, method, why_not)
