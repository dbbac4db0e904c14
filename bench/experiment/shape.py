"""Cases that look the same to the sampler share one shape: the layout, its limits and its probabilities."""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from itertools import chain, groupby

import numpy as np
from numpy.typing import NDArray

from bench.experiment.covering import Covering, Part, cards_of, window_at
from bench.experiment.layout import Layout, forced_arms, layout_for
from bench.experiment.limited import limited_joint, limited_propensities
from bench.experiment.space import (
    STRATEGY_VERSION,
    ArmSpace,
    SampledArm,
    SamplingInput,
    SamplingRule,
    Stratum,
)
from bench.experiment.streams import Stream
from db.states import PropensityKind
from planner.actions import Action, canonical_rank

Floats = NDArray[np.float64]

REDRAWS = 20_000
"""Draws behind an estimated propensity: a standard error of at most 0.0036."""


class Shape:
    """A layout with its arms ready to hand out: shared by all cases that look the same to the sampler."""

    def __init__(
        self,
        space: ArmSpace,
        baseline: Action,
        executed: Action | None,
        rule: SamplingRule,
        sizes: tuple[int, ...] = (),
    ) -> None:
        self.rule = rule
        self.layout = _layout(space, baseline, executed, rule, sizes)
        self._order = {action: position for position, action in enumerate(space.actions)}
        self.free_ms = [space.arm_ms[action] for action in self.layout.free]
        self.may_exceed = False
        self.budget_ms = 0
        certain = self.layout.forced
        if space.max_total_ms is not None:
            certain = tuple(self._fitting_forced(space, space.max_total_ms))
            self.may_exceed = (
                len(certain) < len(self.layout.forced) or self.layout.most(self.free_ms) > self.budget_ms
            )
        self.kind, chances = _chances(self, rule)
        certain_kind: PropensityKind = "exact" if self.kind == "estimated" else self.kind
        self.forced = tuple(
            SampledArm(
                a,
                1.0,
                certain_kind,
                _why_certain(a, baseline, rule),
                a == baseline,
                a == executed,
            )
            for a in certain
        )
        self.free = tuple(
            SampledArm(a, chance, self.kind, stratum, a == baseline, a == executed)
            for a, chance, stratum in zip(self.layout.free, chances, self.layout.strata, strict=True)
        )

    def rank(self, arm: SampledArm) -> int:
        return self._order[arm.action]

    def _fitting_forced(self, space: ArmSpace, limit_ms: int) -> list[Action]:
        kept = []
        for action in self.layout.forced:
            if space.arm_ms[action] <= limit_ms:
                limit_ms -= space.arm_ms[action]
                kept.append(action)
        self.budget_ms = limit_ms
        return kept

    @property
    def slots(self) -> int:
        """How many arms are drawn beside the forced ones, at most; `anchor` takes them all."""
        return self.rule.k - len(self.layout.forced)

    @cached_property
    def propensities(self) -> dict[Action, float]:
        """π of every allowed action, in canonical order."""
        known = {arm.action: arm.propensity for arm in chain(self.forced, self.free)}
        return {action: known.get(action, 0.0) for action in self._order}

    @cached_property
    def groups(self) -> list[tuple[float, list[int]]]:
        """The cells that share a propensity, the most likely first."""
        found = sorted(self.propensities.items(), key=lambda item: -item[1])
        groups = groupby(found, key=lambda item: item[1])
        return [(chance, [canonical_rank(action) for action, _ in members]) for chance, members in groups]

    def joint_of(self, actions: Sequence[Action]) -> Floats:
        """(actions, actions): the probability that both are arms; π on the diagonal."""
        single = np.array([self.propensities[action] for action in actions])
        places = np.array([self._free_place.get(action, -1) for action in actions], dtype=np.intp)
        drawn = np.flatnonzero(places >= 0)
        # What is certain, or was never possible, is independent of all else.
        found: Floats = single[:, None] * single[None, :]
        if len(drawn):
            found[np.ix_(drawn, drawn)] = self.joint[np.ix_(places[drawn], places[drawn])]
        np.fill_diagonal(found, single)
        return found

    @cached_property
    def _free_place(self) -> dict[Action, int]:
        return {action: position for position, action in enumerate(self.layout.free)}

    @cached_property
    def joint(self) -> Floats:
        """(free, free): the probability that both are drawn and fit."""
        if not self.may_exceed:
            return self.layout.joint()
        return _joint_of(self)


_shape = lru_cache(maxsize=4096)(Shape)


def _why_certain(action: Action, baseline: Action, rule: SamplingRule) -> Stratum:
    if rule.strategy == "racing" and not (rule.include_baseline and action == baseline):
        return "all"
    return "baseline" if action == baseline else "executed"


def _layout(
    space: ArmSpace, baseline: Action, executed: Action | None, rule: SamplingRule, sizes: tuple[int, ...]
) -> Layout | Covering:
    if rule.strategy != "covering":
        return layout_for(space, baseline, executed, rule)
    forced, notes = forced_arms(space, baseline, executed, rule)
    free = tuple(action for action in space.actions if action not in forced)
    return Covering(space.actions, forced, free, tuple("all" for _ in free), notes, sizes)


def shape_of(case: SamplingInput) -> Shape:
    sizes = tuple(part.size for part in _window(case)) if case.rule.strategy == "covering" else ()
    return _shape(case.space, case.baseline, case.executed, case.rule, sizes)


def slots_to_deal(case: SamplingInput) -> int:
    """How many rows of the covering decks `case` takes."""
    return case.rule.k - len(forced_arms(case.space, case.baseline, case.executed, case.rule)[0])


def _window(case: SamplingInput) -> tuple[Part, ...]:
    return window_at(case.dealt, slots_to_deal(case), len(cards_of(case.space.actions).rows))


def drawn_by(shape: Shape, case: SamplingInput) -> list[int]:
    rule = case.rule
    if isinstance(shape.layout, Covering):
        return shape.layout.dealt(rule.seed, _window(case))
    return shape.layout.draw(Stream(rule.seed, case.issue_id, STRATEGY_VERSION[rule.strategy]))


def fitting(shape: Shape, drawn: Sequence[int]) -> list[int]:
    """The drawn arms in their order, without those that no longer fit."""
    left = shape.budget_ms
    kept = []
    for position in drawn:
        if shape.free_ms[position] <= left:
            left -= shape.free_ms[position]
            kept.append(position)
    return kept


def _chances(shape: Shape, rule: SamplingRule) -> tuple[PropensityKind, list[float]]:
    """How sure the propensities are, and π of each free action."""
    layout = shape.layout
    if rule.strategy in ("deterministic", "racing") or (rule.strategy == "anchor" and shape.may_exceed):
        kept = fitting(shape, layout.draw(Stream())) if shape.may_exceed else layout.draw(Stream())
        return "deterministic", [float(position in kept) for position in range(len(layout.free))]
    if not shape.may_exceed:
        return "exact", layout.propensities()
    if isinstance(layout, Layout) and all(plan.pool == 0 for plan in layout.plans):
        return "exact", limited_propensities(layout, shape.free_ms, shape.budget_ms)
    # An arm that is drawn once had a chance, however small: never zero.
    counts = np.maximum(np.diagonal(_redrawn(shape)), 1 / REDRAWS)
    return "estimated", [float(chance) for chance in counts]


def _joint_of(shape: Shape) -> Floats:
    layout = shape.layout
    if isinstance(layout, Layout) and all(plan.pool == 0 for plan in layout.plans):
        return limited_joint(layout, shape.free_ms, shape.budget_ms)
    return _redrawn(shape)


@lru_cache(maxsize=256)
def _redrawn(shape: Shape) -> Floats:
    """(free, free) by drawing `REDRAWS` times: without replacement and under a limit there is no closed form."""
    stream = Stream("propensity", shape.rule.seed, STRATEGY_VERSION[shape.rule.strategy])
    counts = np.zeros((len(shape.layout.free), len(shape.layout.free)))
    for _ in range(REDRAWS):
        kept = fitting(shape, shape.layout.draw(stream))
        counts[np.ix_(kept, kept)] += 1
    found: Floats = counts / REDRAWS
    return found
