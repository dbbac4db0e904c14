"""Sampling designs with exact inclusion probabilities: stratified slots, then simple random sampling.

A slot design has certain arms (`forced`), and draws the others by one of its plans, chosen by weight: one uniform
draw from each of the plan's disjoint slots, then `pool` draws without replacement from the rest. All strategies
but `covering` use such designs, so that the formula of their inclusion probabilities is implemented once. In a plan
with s(a) = 1/d where a is in a slot of d actions and 0 where it is in none, s(a, b) = s(a)·s(b) or, in the same
slot, 0, and l = free actions − slots,

    π(a)    = s(a) + (1 − s(a))·pool/l
    π(a, b) = s(a, b) + (s(a) + s(b) − 2·s(a, b))·pool/l
              + (1 − s(a) − s(b) + s(a, b))·pool·(pool − 1)/(l·(l − 1)),

averaged over the plans (Särndal, Swensson, Wretman, *Model Assisted Survey Sampling*, 1992, section 2.4).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb, prod

import numpy as np
from numpy.typing import NDArray

from bench.experiment.space import Stratum
from bench.experiment.streams import Stream, nth_free
from planner.actions import Action

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """Disjoint slots with one draw each, and the draws from the pool; slots have positions in `SlotDesign.free`."""

    slots: tuple[tuple[int, ...], ...]
    pool: int
    weight: int = 1


@dataclass(frozen=True, eq=False)
class SlotDesign:
    """A mixture of slot plans (see the module). `free` is in canonical order, without the forced actions."""

    forced: tuple[Action, ...]
    forced_strata: tuple[Stratum, ...]
    free: tuple[Action, ...]
    strata: tuple[Stratum, ...]
    """The stratum of each free action."""
    plans: tuple[SlotPlan, ...]
    notes: tuple[str, ...]

    def draw(self, stream: Stream) -> list[int]:
        """Positions in `free`, in the order drawn."""
        plan = self._plan(stream)
        drawn = [slot[stream.below(len(slot))] if len(slot) > 1 else slot[0] for slot in plan.slots]
        for _ in range(plan.pool):
            drawn.append(nth_free(stream.below(len(self.free) - len(drawn)), sorted(drawn)))
        return drawn

    def _plan(self, stream: Stream) -> SlotPlan:
        if len(self.plans) == 1:
            return self.plans[0]
        lot = stream.below(sum(plan.weight for plan in self.plans))
        for plan in self.plans[:-1]:
            lot -= plan.weight
            if lot < 0:
                return plan
        return self.plans[-1]

    def shares(self) -> list[float]:
        """The probability of each plan."""
        total = sum(plan.weight for plan in self.plans)
        return [plan.weight / total for plan in self.plans]

    def propensities(self) -> list[float]:
        """The inclusion probability π of each free action, by the formula of the module."""
        pi: list[float] = np.diagonal(self.joint()).tolist()
        return pi

    def joint(self) -> Floats:
        """(free, free): the joint inclusion probability of each pair; π on the diagonal."""
        size = len(self.free)
        parts = zip(self.shares(), self.plans, strict=True)
        return sum((share * _joint(plan, size) for share, plan in parts), np.zeros((size, size)))

    def most(self, values: Sequence[int]) -> int:
        """An upper bound of the sum of `values` (one for each free action) over any draw."""
        dearest = sorted(values, reverse=True)
        return max(
            sum(max(values[position] for position in slot) for slot in plan.slots) + sum(dearest[: plan.pool])
            for plan in self.plans
        )


def _joint(plan: SlotPlan, size: int) -> Floats:
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
    joint: Floats = both + (either - 2 * both) * once + (1 - either + both) * twice
    np.fill_diagonal(joint, single + (1 - single) * once)
    return joint


def swap_chances(plans: Sequence[tuple[float, SlotPlan]], size: int, drawn: Sequence[int]) -> Floats:
    """(drawn, size): for each drawn action, the conditional distribution of what is drawn in its place.

    Row a has P(b | the other drawn actions) for each of the `size` free actions b: the probability of drawing the
    others and b, divided by its sum over b. `plans` come with their probabilities. A plan draws a set S with
    probability Π_j |S ∩ slot_j|/d_j ÷ C(size − slots, pool).
    """
    own = np.array(drawn, dtype=np.intp)
    chances = np.zeros((len(drawn), size))
    for share, plan in plans:
        chances += share * _with_each(plan, size, own)
    chances[:, own] *= np.eye(len(drawn))
    swapped: Floats = chances / chances.sum(axis=1, keepdims=True)
    return swapped


def _with_each(plan: SlotPlan, size: int, drawn: NDArray[np.intp]) -> Floats:
    """(drawn, size): the probability under `plan` of drawing all but one of `drawn`, and each further action."""
    slot_of, sizes = _slots(plan, size)
    slots = len(sizes)
    own_slot = np.eye(slots + 1)[slot_of[drawn]][:, :slots]
    counts = own_slot.sum(axis=0) - own_slot
    # The product over the slots but one, which the further action joins.
    rest = np.where(np.eye(slots, dtype=np.bool_), 1.0, counts[:, None, :]).prod(axis=2)
    joined = np.hstack([rest * (counts + 1), counts.prod(axis=1, keepdims=True)])
    ways = comb(size - slots, plan.pool) * prod(sizes)
    with_each: Floats = joined[:, slot_of] / ways
    return with_each


@lru_cache(maxsize=1024)
def _slots(plan: SlotPlan, size: int) -> tuple[NDArray[np.intp], tuple[int, ...]]:
    """(size,) the slot of each free action, the number of slots where it is in none; and the size of each slot."""
    slot_of = np.full(size, len(plan.slots), dtype=np.intp)
    for number, slot in enumerate(plan.slots):
        slot_of[list(slot)] = number
    return slot_of, tuple(len(slot) for slot in plan.slots)
