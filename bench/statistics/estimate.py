"""The form in which every number is published."""

from typing import NamedTuple


class Estimate(NamedTuple):
    """One number, a bracket, or why there is neither.

    `value` lies in [`low`, `high`], in units of `estimand`; where `method` says that no interval holds, it
    stands alone. A bracket has no `value`: the truth is somewhere between `low` and `high`, and the data do
    not say where. A refused number has all three None and says in `why_not`, in one line, what is missing
    and what mends it.
    """

    estimand: str
    """What is estimated: "pass_own_budget", "pass_unlimited", "utility" …"""
    value: float | None
    low: float | None
    high: float | None
    method: str
    """How the number and its interval were made: "DR, 95 % t over 140 issues"."""
    why_not: str | None = None


def refused(estimand: str, method: str, why_not: str) -> Estimate:
    """The estimate that is not given."""
    return Estimate(estimand, None, None, None, method, why_not)
