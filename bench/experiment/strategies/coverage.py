"""The `coverage` strategy: stratified sampling around the baseline.

The strata: other topology; same topology and worst case cheaper; same and dearer; the rest (same topology, equal
worst case).
"""

from collections.abc import Sequence
from typing import Final

from bench.experiment.slot_design import SlotPlan
from bench.experiment.space import ArmSpace, Stratum
from bench.experiment.strategies.slot_strategy import Filling, SlotStrategy
from planner.actions import Action

ONE_IN: Final = 10
"""One in so many cases draws its last slot from all strata together, so that no allowed action has a propensity
of 0."""


class CoverageStrategy(SlotStrategy):
    """One arm from each stratum while slots last; the remaining slots are a simple random sample of the rest."""

    name = "coverage"
    version = "coverage.2"

    def fill(self, space: ArmSpace, baseline: Action, free: Sequence[Action], slots: int) -> Filling:
        strata = tuple(_stratum(action, baseline, space) for action in free)
        return Filling(strata, _plans(strata, slots))


def _stratum(action: Action, baseline: Action, space: ArmSpace) -> Stratum:
    if action.swarm_id != baseline.swarm_id:
        return "other_topology"
    worst, reference = space.worst_case(action), space.worst_case(baseline)
    if worst == reference:
        return "rest"
    return "cheaper" if worst < reference else "dearer"


def _plans(strata: Sequence[Stratum], open_slots: int) -> tuple[SlotPlan, ...]:
    """One draw from each stratum while slots last, in their order; cheaper or dearer by a fair coin where only one
    of them has a slot; the remaining slots go to the pool. Where a stratum has no slot, the last slot is drawn from
    all strata without an earlier slot, once in `ONE_IN` cases.
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
        return tuple(SlotPlan(stratified, pool) for stratified in slots)
    anywhere = tuple(sorted(position for name in filled[len(chosen) - 1 :] for position in cells[name]))
    often = (ONE_IN - 1) * 2 // len(choices)
    return (
        *(SlotPlan(stratified, pool, often) for stratified in slots),
        SlotPlan((*slots[0][:-1], anywhere), pool, 2),
    )
