"""Outcome definitions: the estimand, its value for each execution, and its a-priori range."""

import math
from dataclasses import replace
from typing import Final, Literal, NamedTuple, get_args

import numpy as np

from bench.errors import BenchError
from bench.statistics.table import MISSING, BenchTable, Bools, Floats

PassEstimand = Literal["pass_own_budget", "pass_within_caps"]
PASS_ESTIMANDS: Final[tuple[PassEstimand, ...]] = get_args(PassEstimand)
OWN_BUDGET: Final = "pass_own_budget"
WITHIN_CAPS: Final = "pass_within_caps"


class Outcome(NamedTuple):
    """Values of one estimand. The range is known before anything runs; Manski bounds for missing data use it."""

    estimand: str
    values: Floats
    """(E,) NaN where missing."""
    low: float
    high: float


def pass_own_budget(table: BenchTable) -> Outcome:
    """Pass indicator within the arm's own budget: exhausting it is a failure, being stopped from outside is missing."""
    return Outcome(OWN_BUDGET, table.passed, 0.0, 1.0)


def pass_within_caps(table: BenchTable) -> Outcome:
    """Pass indicator within the arm's own budget and dollar cap: a run killed by its own cap is a failure too.

    Every `killed_by_cap` is a kill by the reservation of the run itself. A run that a cap of the bench kept from
    starting, or that was lost or cancelled, is missing.
    """
    values: Floats = np.where(_killed(table), 0.0, table.passed)
    return Outcome(WITHIN_CAPS, values, 0.0, 1.0)


def pass_outcome(table: BenchTable, estimand: PassEstimand | None = None) -> Outcome:
    """The outcome of a pass estimand; by default `pass_within_caps` where `table` has runs killed by their cap."""
    if estimand is None:
        estimand = WITHIN_CAPS if has_kills(table) else OWN_BUDGET
    return pass_within_caps(table) if estimand == WITHIN_CAPS else pass_own_budget(table)


def has_kills(table: BenchTable) -> bool:
    """Whether a run was killed by its own dollar cap."""
    return bool(_killed(table).any())


def judged_by(table: BenchTable, passes: Outcome | None) -> BenchTable:
    """The table whose passes are those of the pass outcome `passes`; the table itself where None."""
    return table if passes is None else replace(table, passed=passes.values)


def utility(
    table: BenchTable, *, per_minute: float, per_usd: float, worst: float, passes: Outcome | None = None
) -> Outcome:
    """Utility u = pass − per_minute · minutes − per_usd · dollars, in [worst, 1].

    `passes` is the outcome of passing, `pass_own_budget` where None. An execution whose minutes or dollars are
    unknown is missing where its rate is not 0.

    Returns: the outcome; its values are (E,), in passes.
    Raises: `BenchError` where a value lies below `worst`, or a rate is negative.
    """
    passes = passes or pass_own_budget(table)
    values = _utilities(table, per_minute, per_usd, passes)
    lowest = float(np.nanmin(values, initial=np.inf))
    if lowest < worst:
        raise BenchError(
            f"the lowest utility seen is {lowest:g}, below the worst case {worst:g}; give a worst case that low or "
            f"lower, such as {_rounded_down(lowest):g}"
        )
    of = "" if passes.estimand == OWN_BUDGET else f" of {passes.estimand}"
    return Outcome(f"utility{of} (−{per_minute:g} a minute, −{per_usd:g} a dollar)", values, worst, 1.0)


def worst_utility(
    table: BenchTable,
    *,
    per_minute: float,
    per_usd: float,
    minutes: float,
    usd: float,
    passes: Outcome | None = None,
) -> float:
    """A worst case for `utility`: that of a failure with the most `minutes` and `usd` of a run, or the lowest seen."""
    values = _utilities(table, per_minute, per_usd, passes or pass_own_budget(table))
    return _rounded_down(min(-per_minute * minutes - per_usd * usd, float(np.nanmin(values, initial=0.0))))


def _utilities(table: BenchTable, per_minute: float, per_usd: float, passes: Outcome) -> Floats:
    if per_minute < 0 or per_usd < 0:
        raise BenchError("a rate of the utility is negative; give what a minute and a dollar cost, 0 or more")
    values = passes.values.copy()
    for rate, spent in ((per_minute, table.minutes), (per_usd, table.usd)):
        if rate:
            values = values - rate * spent
    return values


def _rounded_down(value: float) -> float:
    """The next number below with one decimal."""
    return math.floor(value * 10) / 10


def _killed(table: BenchTable) -> Bools:
    """(E,) runs killed by their own dollar cap."""
    killed: Bools = (table.missing == MISSING.index("killed_by_cap")) & ~np.isfinite(table.passed)
    return killed
