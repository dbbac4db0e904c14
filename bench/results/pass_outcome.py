"""The pass outcome of a bench, chosen once: every report that rates runs counts kills by a dollar cap alike."""

from typing import NamedTuple

from bench.statistics.outcomes import OWN_BUDGET, WITHIN_CAPS, Outcome, PassEstimand, has_kills, pass_outcome
from bench.statistics.table import BenchTable


class PassOutcome(NamedTuple):
    """The pass outcome, and why it was chosen."""

    outcome: Outcome
    why: str


def choose_pass_outcome(
    table: BenchTable, *, can_be_killed: bool, estimand: PassEstimand | None = None
) -> PassOutcome:
    """The outcome of `estimand`; by default `pass_within_caps` where runs were killed, or where a dollar cap can kill.

    A kill by the cap of the run itself is then a failure: an action that is often killed does not gain by it.
    """
    killed = has_kills(table)
    reason = "asked for"
    if estimand is None:
        estimand = WITHIN_CAPS if killed or can_be_killed else OWN_BUDGET
        reason = (
            "the default where runs were killed"
            if killed
            else "the default where a dollar cap can kill a run"
            if can_be_killed
            else "the default where no dollar cap can kill a run"
        )
    meaning = "a failure" if estimand == WITHIN_CAPS else "missing"
    line = f"estimand {estimand}, {reason}: a run killed by its own dollar cap is {meaning}"
    return PassOutcome(pass_outcome(table, estimand), line)
