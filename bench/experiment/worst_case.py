"""Upper bounds of the cost and worker time of an action, in integers that never round down.

Worst case = candidates × (minutes × rate + maximum dollars for each candidate). Minutes are those of the action:
the number of seconds in a minute of a farm (fewer in demos) changes the clock, not the price.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import NamedTuple, cast

from bench.experiment.space import ArmSpace
from planner.actions import NA, Action, Bin, JobType, valid_actions
from workers.spec import PlannedAction, Swarm, Workcell

MICRO = 1_000_000
MS_PER_MINUTE = 60_000


class CostModel(NamedTuple):
    """The cost model of a workcell: its prices, and the defaults for NA budgets."""

    usd_per_minute: float
    max_usd_per_candidate: float
    default_candidates: int
    default_iterations: int
    longest_toolchain_minutes: float


@dataclass(frozen=True, slots=True)
class ArmLimits:
    """The execution limits of a bench that restrict its arms."""

    max_minutes_per_candidate: float | None = None
    """Larger budgets are not sampled, because a shorter run would be another action; NA runs at most this long."""
    max_total_minutes_per_issue: float | None = None
    """Worker-minutes of all arms of a case together, every candidate and replicate counted."""
    replicates: int = 1


def cost_model(workcell: Workcell) -> CostModel:
    """The cost model of `workcell`."""
    return CostModel(
        workcell.rates.usd_per_minute,
        workcell.rates.max_usd_per_candidate,
        workcell.default_candidates,
        workcell.default_iterations,
        max(toolchain.limit_minutes for toolchain in workcell.toolchains),
    )


def is_allowed(action: Action, max_minutes_per_candidate: float | None) -> bool:
    """Whether `action` may be sampled under the limit."""
    minutes = action.max_minutes_bin
    return max_minutes_per_candidate is None or minutes == NA or minutes <= max_minutes_per_candidate


def resolve_action(
    action: Action, costs: CostModel, max_minutes_per_candidate: float | None = None
) -> PlannedAction:
    """`action` with its NA budgets resolved: candidates and rounds by the configured defaults, minutes by the
    longest limit of the toolchains, at most `max_minutes_per_candidate`.
    """
    minutes = _or_default(action.max_minutes_bin, costs.longest_toolchain_minutes)
    if action.max_minutes_bin == NA and max_minutes_per_candidate is not None:
        minutes = min(minutes, max_minutes_per_candidate)
    return PlannedAction(
        swarm_id=cast(Swarm, action.swarm_id),
        candidates=int(_or_default(action.max_candidates_bin, costs.default_candidates)),
        minutes=minutes,
        iterations=int(_or_default(action.max_iterations_bin, costs.default_iterations)),
    )


def _or_default(value: Bin, default: float) -> float:
    return default if value == NA else value


def worst_micro_usd(planned: PlannedAction, costs: CostModel) -> int:
    """Upper bound of the micro-dollars of one execution, rounded up for each candidate."""
    rate, most = _exact(costs.usd_per_minute), _exact(costs.max_usd_per_candidate)
    return planned.candidates * math.ceil((_exact(planned.minutes) * rate + most) * MICRO)


def worst_ms(planned: PlannedAction) -> int:
    """Upper bound of the worker time of one execution, in milliseconds of planned minutes, all candidates."""
    return planned.candidates * math.ceil(_exact(planned.minutes) * MS_PER_MINUTE)


def _exact(number: float) -> Fraction:
    """The number as it is written: 0.1 dollars are 100,000 micro-dollars, not one more."""
    return Fraction(str(number))


@cache
def arm_space(job_type: JobType, workcell: CostModel, limits: ArmLimits) -> ArmSpace:
    """The sampling frame of `job_type` under the limits, with worst cases.

    Cached: the same arguments return the same object, on which the caches of the sampling designs depend.
    """
    valid = valid_actions(job_type)
    cap = limits.max_minutes_per_candidate
    planned = {action: resolve_action(action, workcell, cap) for action in valid}
    total = limits.max_total_minutes_per_issue
    return ArmSpace(
        job_type=job_type,
        actions=tuple(action for action in valid if is_allowed(action, cap)),
        worst_micro_usd={action: worst_micro_usd(planned[action], workcell) for action in valid},
        arm_ms={action: limits.replicates * worst_ms(planned[action]) for action in valid},
        max_total_ms=None if total is None else math.floor(_exact(total) * MS_PER_MINUTE),
    )
