"""Outcome definitions: the estimand, its value for each execution, and its a-priori range."""

from typing import Final, NamedTuple

import numpy as np

from bench.errors import BenchError
from bench.statistics.table import BenchTable, Floats

OWN_BUDGET: Final = "pass_own_budget"


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


def utility(table: BenchTable, *, per_minute: float, per_usd: float, worst: float) -> Outcome:
    """Utility u = pass − per_minute · minutes − per_usd · dollars, in [worst, 1].

    An execution whose minutes or dollars are unknown is missing where its rate is not 0.

    Returns: the outcome; its values are (E,), in passes.
    Raises: `BenchError` where a value lies below `worst`, or a rate is negative.
    """
    if per_minute < 0 or per_usd < 0:
        raise BenchError("a rate of the utility is negative; give what a minute and a dollar cost, 0 or more")
    values = table.passed.copy()
    for rate, spent in ((per_minute, table.minutes), (per_usd, table.usd)):
        if rate:
            values = values - rate * spent
    if np.nanmin(values, initial=np.inf) < worst:
        raise BenchError(f"a utility of {np.nanmin(values):g} was seen; give a worst case that low or lower")
    return Outcome(f"utility (−{per_minute:g} a minute, −{per_usd:g} a dollar)", values, worst, 1.0)
