"""How the arms of a case are drawn, worked out once for all cases of the same shape.

A layout says which arms are certain (`forced`) and how the others are drawn: one of its plans, chosen by
weight, each with one uniform draw from every one of its disjoint slots and then `pool` draws without
replacement from what is left. All strategies but `covering` are such layouts, and so their inclusion
probabilities come from one place. In a plan with s(a) = 1/d where a is in a slot of d actions and 0 where it is
in none, s(a, b) = s(a)·s(b) or, in the same slot, 0, and l = free actions − slots,

    π(a)    = s(a) + (1 − s(a))·pool/l
    π(a, b) = s(a, b) + (s(a) + s(b) − 2·s(a, b))·pool/l
              + (1 − s(a) − s(b) + s(a, b))·pool·(pool − 1)/(l·(l − 1)),

averaged over the plans (Särndal, Swensson, Wretman, *Model Assisted Survey Sampling*, 1992, section 2.4).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.experiment.space import ArmSpace, SamplingRule, Stratum
from bench.experiment.streams import Stream, nth_free
from planner.actions import Action

Floats = NDArray[np.float64]

ONE_IN: Final = 10
"""A coverage case gives its last slot to all strata together once in so many, so that no allowed action has a
propensity of 0."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to fill the slots; numbers are positions among the layout's free actions."""

    slots: tuple[tuple[int, ...], ...]
    pool: int
    weight: int = 1


@dataclass(frozen=True, eq=False)
class Layout:
    """See the module. `free` is in canonical order; forced actions are not in it."""

    forced: tuple[Action, ...]
    free: tuple[Action, ...]
    strata: tuple[Stratum, ...]
    """The stratum of each free action."""
    plans: tuple[Plan, ...]
    notes: tuple[str, ...]

    def draw(self, stream: Stream) -> list[int]:
        """Positions in `free`, in the order drawn."""
        plan = self._plan(stream)
        drawn = [slot[stream.below(len(slot))] if len(slot) > 1 else slot[0] for slot in plan.slots]
        for _ in range(plan.pool):
            drawn.append(nth_free(stream.below(len(self.free) - len(drawn)), sorted(drawn)))
        return drawn

    def _plan(self, stream: Stream) -> Plan:
        if len(self.plans) == 1:
            return self.plans[0]
        lot = stream.below(sum(plan.weight for plan in self.plans))
        for plan in self.plans[:-1]:
            lot -= plan.weight
            if lot < 0:
                return plan
        return self.plans[-1]

    def shares(self) -> list[float]:
        """How likely each plan is."""
        total = sum(plan.weight for plan in self.plans)
        return [plan.weight / total for plan in self.plans]

    def propensities(self) -> list[float]:
        """π of each free action, by the formula above."""
        found: list[float] = np.diagonal(self.joint()).tolist()
        return found

    def joint(self) -> Floats:
        """(free, free): the probability that both are drawn; π on the diagonal."""
        size = len(self.free)
        parts = zip(self.shares(), self.plans, strict=True)
        return sum((share * _joint(plan, size) for share, plan in parts), np.zeros((size, size)))

    def most(self, values: Sequence[int]) -> int:
        """An upper bound of what `values` (one a free action) of the drawn add up to."""
        dearest = sorted(values, reverse=True)
        return max(
            sum(max(values[position] for position in slot) for slot in plan.slots) + sum(dearest[: plan.pool])
            for plan in self.plans
        )


def _joint(plan: Plan, size: int) -> Floats:
    left = size - len(plan.slots)
    once = plan.pool / left if left else 0.0
    twice = once * (plan.pool - 1) / (left - 1) if left > 1 else 0.0
    single = np.zeros(size)
    slot_of = np.full(size, -1)
    for number, slot in enumerate(plan.slots):
        single[list(slot)], slot_of[list(slot)] = 1 / len(slot), number
    in_slot = slot_of >= 0
    same = (slot_of[:, None] == slot_of[None, :]) & in_slot[:, None]
    both = np.where(same, 0.0, single[:, None] * single[None, :])
    either = single[:, None] + single[None, :]
    found: Floats = both + (either - 2 * both) * once + (1 - either + both) * twice
    np.fill_diagonal(found, single + (1 - single) * once)
    return found


@lru_cache(maxsize=4096)
def layout_for(space: ArmSpace, baseline: Action, executed: Action | None, rule: SamplingRule) -> Layout:
    """The layout of every case with this baseline and executed action; `BenchError` where K is too large."""
    if rule.strategy == "racing":
        return _race_layout(space, baseline, rule)
    forced, notes = forced_arms(space, baseline, executed, rule)
    free = tuple(action for action in space.actions if action not in forced)
    open_slots = len(free) if rule.strategy == "anchor" else rule.k - len(forced)
    strata: tuple[Stratum, ...] = tuple("all" for _ in free)
    if rule.strategy == "coverage":
        strata = tuple(_stratum(action, baseline, space) for action in free)
        plans = _coverage_plans(strata, open_slots)
    elif rule.strategy == "random":
        plans = (Plan((), open_slots),)
    else:
        plans = (Plan(tuple((position,) for position in range(open_slots)), 0),)
    return Layout(forced, free, strata, plans, notes)


def _race_layout(space: ArmSpace, baseline: Action, rule: SamplingRule) -> Layout:
    forced, notes = forced_arms(space, baseline, None, rule)
    if set(forced) & set(rule.racers):
        notes = (*notes, "the baseline is an arm of the race anyway")
    arms = (*forced, *(action for action in rule.racers if action not in forced))
    free = tuple(action for action in space.actions if action not in arms)
    return Layout(arms, free, tuple("all" for _ in free), (Plan((), 0),), notes)


def _check_k(space: ArmSpace, rule: SamplingRule) -> None:
    if rule.k < 1:
        raise BenchError(f"action_sampling.K is {rule.k}; it must be at least 1")
    if not space.actions:
        raise BenchError(
            f"no action of job type {space.job_type} is within max_minutes_per_candidate; raise that limit"
        )
    if rule.strategy != "anchor" and rule.k > len(space.actions):
        raise BenchError(
            f"action_sampling.K is {rule.k}, but job type {space.job_type} has only {len(space.actions)}"
            " valid actions under these limits; lower K or raise max_minutes_per_candidate"
        )


@lru_cache(maxsize=4096)
def forced_arms(
    space: ArmSpace, baseline: Action, executed: Action | None, rule: SamplingRule
) -> tuple[tuple[Action, ...], tuple[str, ...]]:
    """The certain arms, baseline first; they count within K, and what has no place is told in the notes.
    `BenchError` where K is too large.
    """
    _check_k(space, rule)
    wanted = [("baseline's", baseline)] if rule.include_baseline else []
    if rule.include_executed and executed is not None:
        wanted.append(("last executed", executed))
    forced: list[Action] = []
    notes = []
    for name, action in wanted:
        if action in forced:
            continue
        if action not in space.actions:
            notes.append(f"the {name} action ({action.label()}) is not among the allowed actions")
        elif rule.strategy != "anchor" and len(forced) == rule.k:
            notes.append(f"K={rule.k} leaves no place for the {name} action ({action.label()})")
        else:
            forced.append(action)
    return tuple(forced), tuple(notes)


def _stratum(action: Action, baseline: Action, space: ArmSpace) -> Stratum:
    if action.swarm_id != baseline.swarm_id:
        return "other_topology"
    worst, reference = space.worst_case(action), space.worst_case(baseline)
    if worst == reference:
        return "rest"
    return "cheaper" if worst < reference else "dearer"


def _coverage_plans(strata: Sequence[Stratum], open_slots: int) -> tuple[Plan, ...]:
    """One draw a stratum while slots last, in their order; cheaper or dearer by a fair coin where only one of
    them gets a slot; what slots remain go to the pool. Where a stratum goes without, the last slot is now and
    then drawn from all that have none of the earlier slots.
    """
    cells = {
        name: tuple(position for position, stratum in enumerate(strata) if stratum == name)
        for name in ("other_topology", "cheaper", "dearer", "rest")
    }
    filled = [name for name, positions in cells.items() if positions]
    chosen = filled[:open_slots]
    choices = [chosen]
    if chosen and chosen[-1] == "cheaper" and "dearer" in filled:
        choices.append([*chosen[:-1], "dearer"])
    pool = open_slots - len(chosen)
    slots = [tuple(cells[name] for name in names) for names in choices]
    if not chosen or set(filled) == {name for names in choices for name in names}:
        return tuple(Plan(one, pool) for one in slots)
    anywhere = tuple(sorted(position for name in filled[len(chosen) - 1 :] for position in cells[name]))
    often = (ONE_IN - 1) * 2 // len(choices)
    return (*(Plan(one, pool, often) for one in slots), Plan((*slots[0][:-1], anywhere), pool, 2))
