"""The heuristic baseline: rules on risk and size; the fallback of every decision."""

from typing import Final

from planner.actions import (
    CANDIDATE_BINS,
    ITERATION_BINS,
    MINUTE_BINS,
    NA,
    SERIAL,
    SPECULATE,
    Action,
    Bin,
    JobType,
    is_valid,
    nearest_bin,
    valid_actions,
)

POLICY_ID: Final = "heuristic_baseline"
MINUTES_BY_SIZE: Final[dict[str, int]] = {"XS": 15, "S": 30, "M": 45, "L": 60, "XL": 120}
_RISKY: Final = frozenset({"high", "critical"})
_LARGE: Final = frozenset({"L", "XL"})


def baseline_action(risk: str | None, size: str | None, job_type: JobType) -> Action:
    """The baseline's action, always valid for `job_type`.

    A missing or unknown risk or size counts as medium or M, so that a fallback never fails. Raises `PlannerError` for
    an unknown job type.
    """
    if risk in _RISKY:
        swarm, candidates = SPECULATE, 3
    elif size in _LARGE:
        swarm, candidates = SPECULATE, 2
    else:
        swarm, candidates = SERIAL, 1
    minutes = MINUTES_BY_SIZE.get(size or "M", MINUTES_BY_SIZE["M"])
    return clamp_action(Action(swarm, candidates, minutes, NA), job_type)


def clamp_action(action: Action, job_type: JobType) -> Action:
    """Project to the nearest valid action: quantise to the bins, then satisfy the validity rules."""
    space = valid_actions(job_type)
    if action.swarm_id not in {SERIAL, SPECULATE}:
        action = action._replace(swarm_id=SERIAL)
    binned = Action(
        action.swarm_id,
        _to_bin(action.max_candidates_bin, CANDIDATE_BINS),
        _to_bin(action.max_minutes_bin, MINUTE_BINS),
        _to_bin(action.max_iterations_bin, ITERATION_BINS),
    )
    if is_valid(binned, job_type):
        return binned
    return min(space, key=lambda valid: sum(a != b for a, b in zip(valid, binned, strict=True)))


def _to_bin(value: Bin, bins: tuple[Bin, ...]) -> Bin:
    return NA if value == NA else nearest_bin(value, bins)
