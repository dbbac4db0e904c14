"""What an action may use at most, in integers that never round down.

Worst case = candidates × (minutes × rate + most dollars a candidate). Minutes are those of the action: how
many seconds a minute has on a farm (fewer in demos) changes the clock, not the price.
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


class WorkcellLimits(NamedTuple):
    """What a workcell adds to an action: prices, and the numbers behind NA."""

    usd_per_minute: float
    max_usd_per_candidate: float
    default_candidates: int
    default_iterations: int
    longest_toolchain_minutes: float


@dataclass(frozen=True, slots=True)
class ArmLimits:
    """What a bench's execution limits leave of the action space."""

    max_minutes_per_candidate: float | None = None
    """Larger budgets are not sampled (running them shorter would be a lie); NA runs at most this long."""
    max_total_minutes_per_issue: float | None = None
    """Worker-minutes that the arms of one case may add up to, every candidate and replicate counted."""
    replicates: int = 1


def workcell_limits(workcell: Workcell) -> WorkcellLimits:
    """The part of `workcell` that decides worst cases."""
    return WorkcellLimits(
        workcell.rates.usd_per_minute,
        workcell.rates.max_usd_per_candidate,
        workcell.default_candidates,
        workcell.default_iterations,
        max(toolchain.limit_minutes for toolchain in workcell.toolchains),
    )


def is_allowed(action: Action, max_minutes_per_candidate: float | None) -> bool:
    """Whether the limit leaves `action` to be sampled."""
    minutes = action.max_minutes_bin
    return max_minutes_per_candidate is None or minutes == NA or minutes <= max_minutes_per_candidate


def resolve_action(
    action: Action, limits: WorkcellLimits, max_minutes_per_candidate: float | None = None
) -> PlannedAction:
    """`action` with its NA budgets replaced: candidates and rounds by the configured defaults, minutes by the
    longest limit of the toolchains, cut at `max_minutes_per_candidate`.
    """
    minutes = _or_default(action.max_minutes_bin, limits.longest_toolchain_minutes)
    if action.max_minutes_bin == NA and max_minutes_per_candidate is not None:
        minutes = min(minutes, max_minutes_per_candidate)
    return PlannedAction(
        swarm_id=cast(Swarm, action.swarm_id),
        candidates=int(_or_default(action.max_candidates_bin, limits.default_candidates)),
        minutes=minutes,
        iterations=int(_or_default(action.max_iterations_bin, limits.default_iterations)),
    )


def _or_default(value: Bin, default: float) -> float:
    return default if value == NA else value


def worst_micro_usd(planned: PlannedAction, limits: WorkcellLimits) -> int:
    """Most micro-dollars that one execution may cost, rounded up a candidate."""
    rate, most = _exact(limits.usd_per_minute), _exact(limits.max_usd_per_candidate)
    return planned.candidates * math.ceil((_exact(planned.minutes) * rate + most) * MICRO)


def worst_ms(planned: PlannedAction) -> int:
    """Most worker time that one execution may use, in milliseconds of planned minutes, all candidates."""
    return planned.candidates * math.ceil(_exact(planned.minutes) * MS_PER_MINUTE)


def _exact(number: float) -> Fraction:
    """The number as it is written: 0.1 dollars are 100,000 micro-dollars, not one more."""
    return Fraction(str(number))


@cache
def arm_space(job_type: JobType, workcell: WorkcellLimits, limits: ArmLimits) -> ArmSpace:
    """The actions that may be sampled for `job_type` under the limits, with their worst cases.

    The same arguments give the same object, which is what makes sampling a case cheap.
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
