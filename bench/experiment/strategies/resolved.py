"""Sampling designs with their limits applied and their inclusion probabilities computed, cached across cases."""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from itertools import chain, groupby
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from bench.experiment.limited import limited_joint, limited_propensities
from bench.experiment.slot_design import SlotDesign
from bench.experiment.space import ArmSpace, SampledArm, SamplingInput, SamplingRule
from bench.experiment.strategies.contract import Design, Strategy
from bench.experiment.strategies.registry import get_strategy
from bench.experiment.streams import Stream
from db.states import PropensityKind
from planner.actions import Action, canonical_rank

Floats = NDArray[np.float64]

REDRAWS = 20_000
"""Monte Carlo draws of an estimated propensity: a standard error of at most 0.0036."""


class ResolvedDesign:
    """A design with the propensity of each arm under the time limit; shared by all cases with the same inputs."""

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
        """The position of the arm in canonical order."""
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
        """The inclusion probability π of every allowed action, in canonical order."""
        known = {arm.action: arm.propensity for arm in chain(self.forced, self.free)}
        return {action: known.get(action, 0.0) for action in self._order}

    @cached_property
    def groups(self) -> list[tuple[float, list[int]]]:
        """The cells grouped by propensity, the most likely first."""
        descending = sorted(self.propensities.items(), key=lambda item: -item[1])
        groups = groupby(descending, key=lambda item: item[1])
        return [(chance, [canonical_rank(action) for action, _ in members]) for chance, members in groups]

    @cached_property
    def plans(self) -> dict[str, Any] | None:
        """The slot plans as JSON values, `{forced, plans}`: the certain cells, and `[share, pool, slots]` of each plan
        with the cells of its slots; None where the draw is no slot design, or a limit may leave drawn arms out.
        """
        design = self.design
        if self.may_exceed or not isinstance(design, SlotDesign):
            return None
        cells = [canonical_rank(action) for action in design.free]
        return {
            "forced": [canonical_rank(action) for action in design.forced],
            "plans": [
                [share, plan.pool, [[cells[position] for position in slot] for slot in plan.slots]]
                for share, plan in zip(design.shares(), design.plans, strict=True)
            ],
        }

    def joint_of(self, actions: Sequence[Action]) -> Floats:
        """(actions, actions): the probability that both are arms; π on the diagonal."""
        single = np.array([self.propensities[action] for action in actions])
        positions = np.array([self._free_position.get(action, -1) for action in actions], dtype=np.intp)
        drawn = np.flatnonzero(positions >= 0)
        # An action of probability 0 or 1 is independent of all others.
        joint: Floats = single[:, None] * single[None, :]
        if len(drawn):
            joint[np.ix_(drawn, drawn)] = self.joint[np.ix_(positions[drawn], positions[drawn])]
        np.fill_diagonal(joint, single)
        return joint

    @cached_property
    def _free_position(self) -> dict[Action, int]:
        return {action: position for position, action in enumerate(self.design.free)}

    @cached_property
    def joint(self) -> Floats:
        """(free, free): the probability that both are drawn and fit."""
        if not self.may_exceed:
            return self.design.joint()
        return _joint_of(self)


_resolved = lru_cache(maxsize=4096)(ResolvedDesign)


def resolve_design(case: SamplingInput) -> ResolvedDesign:
    """The resolved design of `case`, cached for all cases that share it."""
    strategy = get_strategy(case.rule.strategy)
    return _resolved(strategy, strategy.design(case), case.space, case.baseline, case.executed, case.rule)


def fitting(resolved: ResolvedDesign, drawn: Sequence[int]) -> list[int]:
    """The drawn arms in their order, without those that no longer fit."""
    left = resolved.budget_ms
    kept = []
    for position in drawn:
        if resolved.free_ms[position] <= left:
            left -= resolved.free_ms[position]
            kept.append(position)
    return kept


def _chances(resolved: ResolvedDesign) -> tuple[PropensityKind, list[float]]:
    """The kind of the propensities (exact, estimated, deterministic), and π of each free action."""
    design = resolved.design
    if not resolved.strategy.is_randomised(resolved.may_exceed):
        kept = fitting(resolved, design.draw(Stream())) if resolved.may_exceed else design.draw(Stream())
        return "deterministic", [float(position in kept) for position in range(len(design.free))]
    if not resolved.may_exceed:
        return "exact", design.propensities()
    if _is_enumerable(design):
        return "exact", limited_propensities(design, resolved.free_ms, resolved.budget_ms)
    # An arm that a case drew cannot have propensity 0: estimates are at least 1 / REDRAWS.
    counts = np.maximum(np.diagonal(_redrawn(resolved)), 1 / REDRAWS)
    return "estimated", [float(chance) for chance in counts]


def _joint_of(resolved: ResolvedDesign) -> Floats:
    design = resolved.design
    if _is_enumerable(design):
        return limited_joint(design, resolved.free_ms, resolved.budget_ms)
    return _redrawn(resolved)


def _is_enumerable(design: Design) -> TypeGuard[SlotDesign]:
    """Whether probabilities under a limit have a closed form: no plan draws a sample without replacement."""
    return isinstance(design, SlotDesign) and all(plan.pool == 0 for plan in design.plans)


@lru_cache(maxsize=256)
def _redrawn(resolved: ResolvedDesign) -> Floats:
    """(free, free): a Monte Carlo estimate; without replacement and under a limit there is no closed form."""
    stream = Stream("propensity", resolved.rule.seed, resolved.strategy.version)
    counts = np.zeros((len(resolved.design.free), len(resolved.design.free)))
    for _ in range(REDRAWS):
        kept = fitting(resolved, resolved.design.draw(stream))
        counts[np.ix_(kept, kept)] += 1
    frequencies: Floats = counts / REDRAWS
    return frequencies
