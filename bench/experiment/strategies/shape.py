"""Cases that look the same to the sampler share one shape: the design, its limits and its probabilities."""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from itertools import chain, groupby

import numpy as np
from numpy.typing import NDArray

from bench.experiment.layout import Layout
from bench.experiment.limited import limited_joint, limited_propensities
from bench.experiment.space import ArmSpace, SampledArm, SamplingInput, SamplingRule
from bench.experiment.strategies.contract import Design, Strategy
from bench.experiment.strategies.registry import get_strategy
from bench.experiment.streams import Stream
from db.states import PropensityKind
from planner.actions import Action, canonical_rank

Floats = NDArray[np.float64]

REDRAWS = 20_000
"""Draws behind an estimated propensity: a standard error of at most 0.0036."""


class Shape:
    """A design with its arms worked out: shared by all cases that look the same to the sampler."""

    def __init__(
        self,
        strategy: Strategy,
        design: Design,
        space: ArmSpace,
        baseline: Action,
        executed: Action | None,
        rule: SamplingRule,
    ) -> None:
        self.strategy = strategy
        self.rule = rule
        self.design = design
        self._order = {action: position for position, action in enumerate(space.actions)}
        self.free_ms = [space.arm_ms[action] for action in self.design.free]
        self.may_exceed = False
        self.budget_ms = 0
        certain = self.design.forced
        if space.max_total_ms is not None:
            certain = tuple(self._fitting_forced(space, space.max_total_ms))
            self.may_exceed = (
                len(certain) < len(self.design.forced) or self.design.most(self.free_ms) > self.budget_ms
            )
        self.kind, chances = _chances(self)
        reasons = dict(zip(design.forced, design.forced_strata, strict=True))
        certain_kind: PropensityKind = "exact" if self.kind == "estimated" else self.kind
        self.forced = tuple(
            SampledArm(
                a,
                1.0,
                certain_kind,
                reasons[a],
                a == baseline,
                a == executed,
            )
            for a in certain
        )
        self.free = tuple(
            SampledArm(a, chance, self.kind, stratum, a == baseline, a == executed)
            for a, chance, stratum in zip(self.design.free, chances, self.design.strata, strict=True)
        )

    def rank(self, arm: SampledArm) -> int:
        return self._order[arm.action]

    def _fitting_forced(self, space: ArmSpace, limit_ms: int) -> list[Action]:
        kept = []
        for action in self.design.forced:
            if space.arm_ms[action] <= limit_ms:
                limit_ms -= space.arm_ms[action]
                kept.append(action)
        self.budget_ms = limit_ms
        return kept

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
        return {action: position for position, action in enumerate(self.design.free)}

    @cached_property
    def joint(self) -> Floats:
        """(free, free): the probability that both are drawn and fit."""
        if not self.may_exceed:
            return self.design.joint()
        return _joint_of(self)


_shape = lru_cache(maxsize=4096)(Shape)


def shape_of(case: SamplingInput) -> Shape:
    """The shape of `case`, worked out once for all cases that share it."""
    strategy = get_strategy(case.rule.strategy)
    return _shape(strategy, strategy.design(case), case.space, case.baseline, case.executed, case.rule)


def fitting(shape: Shape, drawn: Sequence[int]) -> list[int]:
    """The drawn arms in their order, without those that no longer fit."""
    left = shape.budget_ms
    kept = []
    for position in drawn:
        if shape.free_ms[position] <= left:
            left -= shape.free_ms[position]
            kept.append(position)
    return kept


def _chances(shape: Shape) -> tuple[PropensityKind, list[float]]:
    """How sure the propensities are, and π of each free action."""
    design = shape.design
    if not shape.strategy.is_randomised(shape.may_exceed):
        kept = fitting(shape, design.draw(Stream())) if shape.may_exceed else design.draw(Stream())
        return "deterministic", [float(position in kept) for position in range(len(design.free))]
    if not shape.may_exceed:
        return "exact", design.propensities()
    if isinstance(design, Layout) and all(plan.pool == 0 for plan in design.plans):
        return "exact", limited_propensities(design, shape.free_ms, shape.budget_ms)
    # An arm that is drawn once had a chance, however small: never zero.
    counts = np.maximum(np.diagonal(_redrawn(shape)), 1 / REDRAWS)
    return "estimated", [float(chance) for chance in counts]


def _joint_of(shape: Shape) -> Floats:
    design = shape.design
    if isinstance(design, Layout) and all(plan.pool == 0 for plan in design.plans):
        return limited_joint(design, shape.free_ms, shape.budget_ms)
    return _redrawn(shape)


@lru_cache(maxsize=256)
def _redrawn(shape: Shape) -> Floats:
    """(free, free) by drawing `REDRAWS` times: without replacement and under a limit there is no closed form."""
    stream = Stream("propensity", shape.rule.seed, shape.strategy.version)
    counts = np.zeros((len(shape.design.free), len(shape.design.free)))
    for _ in range(REDRAWS):
        kept = fitting(shape, shape.design.draw(stream))
        counts[np.ix_(kept, kept)] += 1
    found: Floats = counts / REDRAWS
    return found
