"""Safety caps: upper bounds of the budgets of every decision."""

from dataclasses import dataclass
from typing import Final

from planner.actions import CANDIDATE_BINS, ITERATION_BINS, MINUTE_BINS, NA, Action, Bin


@dataclass(frozen=True, slots=True)
class Caps:
    """Upper bounds of candidates, minutes and iterations. A bound below the smallest bin (1, 15, 1) means that bin."""

    max_candidates_cap: int = 5
    max_minutes_cap: int = 120
    max_iterations_cap: int = 10


def capped(action: Action, caps: Caps) -> tuple[Action, list[str]]:
    """Clamp the budgets of `action` to `caps`.

    A budget above its cap becomes the largest allowed bin. NA is unchanged: it selects the host's default, which the
    host bounds. A valid action remains valid, as no rule forbids a smaller number.

    Returns the action, and a reason `capped_<field>_from_<n>` for each lowered budget.
    """
    lowered = Action(
        action.swarm_id,
        _within(action.max_candidates_bin, CANDIDATE_BINS, caps.max_candidates_cap),
        _within(action.max_minutes_bin, MINUTE_BINS, caps.max_minutes_cap),
        _within(action.max_iterations_bin, ITERATION_BINS, caps.max_iterations_cap),
    )
    if lowered == action:
        return action, []
    changes = zip(_FIELDS, action[1:], lowered[1:], strict=True)
    return lowered, [f"capped_{field}_from_{old}" for field, old, new in changes if new != old]


_FIELDS: Final = ("candidates", "minutes", "iterations")


def _within(value: Bin, bins: tuple[Bin, ...], cap: int) -> Bin:
    if value == NA or value <= cap:
        return value
    numbers = [number for number in bins if number != NA]
    return max((number for number in numbers if number <= cap), default=min(numbers))
