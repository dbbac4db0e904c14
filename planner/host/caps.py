"""Safety caps: the largest budgets that a decision may have, whoever made it."""

from dataclasses import dataclass
from typing import Final

from planner.actions import CANDIDATE_BINS, ITERATION_BINS, MINUTE_BINS, NA, Action, Bin


@dataclass(frozen=True, slots=True)
class Caps:
    """Upper bounds of the budgets. One below the smallest number of its bins (1, 15, 1) counts as that number."""

    max_candidates_cap: int = 5
    max_minutes_cap: int = 120
    max_iterations_cap: int = 10


def capped(action: Action, caps: Caps) -> tuple[Action, list[str]]:
    """`action` within `caps`, and a reason `capped_<field>_from_<n>` for each budget that was lowered.

    A budget above its cap becomes the largest bin that is not. NA stays: it leaves the budget to the host's own
    default, which the host bounds. A valid action stays valid, for no rule forbids a smaller number.
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
