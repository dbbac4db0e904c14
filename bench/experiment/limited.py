"""Inclusion probabilities where arms that no longer fit a budget of time are left out, and every arm comes from
a draw of its own: exact, by following the distribution of the time used from slot to slot.

`ms` is the time of each free action, `budget_ms` what they may add up to.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.experiment.layout import Layout

Floats = NDArray[np.float64]


def limited_propensities(layout: Layout, ms: Sequence[int], budget_ms: int) -> list[float]:
    """π of each free action."""
    chances = [0.0] * len(layout.free)
    for share, plan in zip(layout.shares(), layout.plans, strict=True):
        used = {0: share}
        for slot in plan.slots:
            used, found = _fill(slot, used, ms, budget_ms)
            for position, chance in found.items():
                chances[position] += chance
    return chances


def _fill(
    slot: Sequence[int], used: Mapping[int, float], ms: Sequence[int], budget_ms: int
) -> tuple[dict[int, float], dict[int, float]]:
    """The distribution of the time used after a draw from `slot`, and the probability of each arm to fit."""
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


def limited_joint(layout: Layout, ms: Sequence[int], budget_ms: int) -> Floats:
    """(free, free): the probability that both are drawn and fit; the distribution is followed on from each arm
    that does.
    """
    size = len(layout.free)
    joint = np.zeros((size, size))
    for share, plan in zip(layout.shares(), layout.plans, strict=True):
        used = {0: share}
        for number, slot in enumerate(plan.slots):
            for position in slot:
                _, alone = _fill((position,), used, ms, budget_ms)
                cost = ms[position]
                went = {
                    before + cost: weight / len(slot)
                    for before, weight in used.items()
                    if before + cost <= budget_ms
                }
                joint[position, position] += alone[position] / len(slot)
                for later in plan.slots[number + 1 :]:
                    went, found = _fill(later, went, ms, budget_ms)
                    for other, chance in found.items():
                        joint[position, other] += chance
                        joint[other, position] += chance
            used, _ = _fill(slot, used, ms, budget_ms)
    return joint
