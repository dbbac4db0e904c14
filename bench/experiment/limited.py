"""Exact inclusion probabilities under a time budget, by dynamic programming over the time used, slot by slot.

For slot designs without a pool, where drawn arms that no longer fit the budget are left out. `ms` is the time of
each free action, `budget_ms` the budget of all drawn arms together, both in milliseconds.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.experiment.slot_design import SlotDesign

Floats = NDArray[np.float64]


def limited_propensities(design: SlotDesign, ms: Sequence[int], budget_ms: int) -> list[float]:
    """The inclusion probability π of each free action."""
    chances = [0.0] * len(design.free)
    for share, plan in zip(design.shares(), design.plans, strict=True):
        used = {0: share}
        for slot in plan.slots:
            used, fits = _fill(slot, used, ms, budget_ms)
            for position, chance in fits.items():
                chances[position] += chance
    return chances


def _fill(
    slot: Sequence[int], used: Mapping[int, float], ms: Sequence[int], budget_ms: int
) -> tuple[dict[int, float], dict[int, float]]:
    """The distribution of the time used after a draw from `slot`, and the probability that each arm is in and fits."""
    after: dict[int, float] = {}
    fits = dict.fromkeys(slot, 0.0)
    for before, weight in used.items():
        for position in slot:
            total = before + ms[position]
            share = weight / len(slot)
            if total <= budget_ms:
                fits[position] += share
            else:
                total = before
            after[total] = after.get(total, 0.0) + share
    return after, fits


def limited_joint(design: SlotDesign, ms: Sequence[int], budget_ms: int) -> Floats:
    """(free, free): the probability that both are drawn and fit.

    The distribution of the time used is continued from each arm that fits.
    """
    size = len(design.free)
    joint = np.zeros((size, size))
    for share, plan in zip(design.shares(), design.plans, strict=True):
        used = {0: share}
        for number, slot in enumerate(plan.slots):
            for position in slot:
                _, alone = _fill((position,), used, ms, budget_ms)
                cost = ms[position]
                used_then = {
                    before + cost: weight / len(slot)
                    for before, weight in used.items()
                    if before + cost <= budget_ms
                }
                joint[position, position] += alone[position] / len(slot)
                for later in plan.slots[number + 1 :]:
                    used_then, fits = _fill(later, used_then, ms, budget_ms)
                    for other, chance in fits.items():
                        joint[position, other] += chance
                        joint[other, position] += chance
            used, _ = _fill(slot, used, ms, budget_ms)
    return joint
