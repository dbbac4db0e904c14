"""How the arms of a case are drawn, worked out once for all cases of the same shape.

A layout says which arms are certain (`forced`) and how the others are drawn: one of its equally likely plans,
each with one uniform draw from every one of its slots and then `pool` draws without replacement from what is
left. Every strategy is such a layout, and so their propensities come from one place:

    π(a) = mean over plans of  1/d + (1 − 1/d)·pool/left   where a is in a slot of d actions,
                               pool/left                   where it is in none,

with left = free actions − slots of the plan.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from bench.errors import BenchError
from bench.experiment.space import ArmSpace, SamplingRule, Stratum
from bench.experiment.streams import Stream, nth_free
from planner.actions import Action


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to fill the slots; numbers are positions among the layout's free actions."""

    slots: tuple[tuple[int, ...], ...]
    pool: int


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
        plan = self.plans[stream.below(len(self.plans))] if len(self.plans) > 1 else self.plans[0]
        drawn = [slot[stream.below(len(slot))] if len(slot) > 1 else slot[0] for slot in plan.slots]
        for _ in range(plan.pool):
            drawn.append(nth_free(stream.below(len(self.free) - len(drawn)), sorted(drawn)))
        return drawn

    def propensities(self) -> list[float]:
        """π of each free action, by the formula above."""
        totals = [0.0] * len(self.free)
        for plan in self.plans:
            left = len(self.free) - len(plan.slots)
            from_pool = plan.pool / left if left else 0.0
            chances = [from_pool] * len(self.free)
            for slot in plan.slots:
                first = 1 / len(slot)
                for position in slot:
                    chances[position] = first + (1 - first) * from_pool
            totals = [total + chance for total, chance in zip(totals, chances, strict=True)]
        return [total / len(self.plans) for total in totals]


@lru_cache(maxsize=4096)
def layout_for(space: ArmSpace, baseline: Action, executed: Action | None, rule: SamplingRule) -> Layout:
    """The layout of every case with this baseline and executed action; `BenchError` where K is too large."""
    _check_k(space, rule)
    forced, notes = _forced(space, baseline, executed, rule)
    free = tuple(action for action in space.actions if action not in forced)
    slots = len(space.actions) if rule.strategy == "anchor" else rule.k
    open_slots = slots - len(forced)
    strata: tuple[Stratum, ...] = tuple("all" for _ in free)
    if rule.strategy == "coverage":
        strata = tuple(_stratum(action, baseline, space) for action in free)
        plans = _coverage_plans(strata, open_slots)
    elif rule.strategy == "random":
        plans = (Plan((), open_slots),)
    else:
        plans = (Plan(tuple((position,) for position in range(open_slots)), 0),)
    return Layout(forced, free, strata, plans, notes)


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


def _forced(
    space: ArmSpace, baseline: Action, executed: Action | None, rule: SamplingRule
) -> tuple[tuple[Action, ...], tuple[str, ...]]:
    """The certain arms, baseline first; they count within K, and what has no place is told."""
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
    them gets a slot; what slots remain go to the pool.
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
    return tuple(Plan(tuple(cells[name] for name in names), pool) for names in choices)
