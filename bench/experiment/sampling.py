"""Which K arms a case tries, each with its exact probability of being chosen.

Strategies (`SamplingRule.strategy`):
- `deterministic`: the first K in canonical order; π ∈ {0, 1}, never eligible for off-policy estimates.
- `random`: K uniformly without replacement.
- `coverage`: strata around the baseline: other topology; same topology and worst case cheaper; same and
  dearer; the rest (same topology, equal worst case). See `layout`.
- `covering`: rows of randomised pair-covering sets, dealt over the cases of the bench. See `covering`.
- `anchor`: every allowed action, π = 1; K is not used.

The baseline's and the last executed action, where included, are certain (π = 1) and count within K.
"""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from bench.experiment.covering import Covering, Part, cards_of, window_at
from bench.experiment.layout import Layout, forced_arms, layout_for
from bench.experiment.limited import limited_joint, limited_propensities
from bench.experiment.space import (
    STRATEGY_VERSION,
    ArmSpace,
    PropensityKind,
    SampledArm,
    SampledCase,
    SamplingInput,
    SamplingRule,
)
from bench.experiment.streams import Stream
from planner.actions import Action

Floats = NDArray[np.float64]

REDRAWS = 20_000
"""Draws behind an estimated propensity: a standard error of at most 0.0036."""


def sample_arms(case: SamplingInput) -> SampledCase:
    """The arms of `case` in canonical order; a `BenchError` where K is larger than the allowed actions.

    Each case draws from its own stream, keyed by seed, issue id and strategy version; `covering` deals rows
    instead. Where the arms could
    exceed `space.max_total_ms`, they are drawn in the same way and an arm that no longer fits is left out:
    the case then has fewer arms, and its note says so. Propensities take that into account.
    """
    shape = _shape_of(case)
    drawn = _drawn(shape, case)
    kept = _fitting(shape, drawn) if shape.may_exceed else drawn
    arms = [*shape.forced, *(shape.free[position] for position in sorted(kept))]
    arms.sort(key=shape.rank)
    notes = shape.layout.notes
    wanted = len(shape.layout.forced) + len(drawn)
    if len(arms) < wanted:
        notes = (*notes, f"{len(arms)} of {wanted} arms fit max_total_minutes_per_issue")
    return SampledCase(tuple(arms), "; ".join(notes) or None)


def propensities(case: SamplingInput) -> dict[Action, float]:
    """π of every allowed action of `case`, also of those not drawn; forced actions 1."""
    shape = _shape_of(case)
    known = {arm.action: arm.propensity for arm in chain(shape.forced, shape.free)}
    return {action: known.get(action, 0.0) for action in case.space.actions}


def joint_propensities(case: SamplingInput, actions: Sequence[Action]) -> Floats:
    """(actions, actions): the probability that both are arms of `case`; π on the diagonal."""
    shape = _shape_of(case)
    alone = propensities(case)
    single = np.array([alone[action] for action in actions])
    free = {action: position for position, action in enumerate(shape.layout.free)}
    places = np.array([free.get(action, -1) for action in actions], dtype=np.intp)
    drawn = places >= 0
    # What is certain, or was never possible, is independent of all else.
    found: Floats = single[:, None] * single[None, :]
    found[np.ix_(drawn, drawn)] = shape.joint[np.ix_(places[drawn], places[drawn])]
    np.fill_diagonal(found, single)
    return found


def slots_to_deal(case: SamplingInput) -> int:
    """How many rows of the covering decks `case` takes."""
    return case.rule.k - len(forced_arms(case.space, case.baseline, case.executed, case.rule)[0])


class _Shape:
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
        kind, chances = _chances(self, rule)

        certain_kind: PropensityKind = "exact" if kind == "estimated" else kind
        self.forced = tuple(
            SampledArm(
                a,
                1.0,
                certain_kind,
                "baseline" if a == baseline else "executed",
                a == baseline,
                a == executed,
            )
            for a in certain
        )
        self.free = tuple(
            SampledArm(a, chance, kind, stratum, a == baseline, a == executed)
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

    @cached_property
    def joint(self) -> Floats:
        """(free, free): the probability that both are drawn and fit."""
        if not self.may_exceed:
            return self.layout.joint()
        return _joint_of(self)


_shape = lru_cache(maxsize=4096)(_Shape)


def _layout(
    space: ArmSpace, baseline: Action, executed: Action | None, rule: SamplingRule, sizes: tuple[int, ...]
) -> Layout | Covering:
    if rule.strategy != "covering":
        return layout_for(space, baseline, executed, rule)
    forced, notes = forced_arms(space, baseline, executed, rule)
    free = tuple(action for action in space.actions if action not in forced)
    return Covering(space.actions, forced, free, tuple("all" for _ in free), notes, sizes)


def _shape_of(case: SamplingInput) -> _Shape:
    sizes = tuple(part.size for part in _window(case)) if case.rule.strategy == "covering" else ()
    return _shape(case.space, case.baseline, case.executed, case.rule, sizes)


def _window(case: SamplingInput) -> tuple[Part, ...]:
    return window_at(case.dealt, slots_to_deal(case), len(cards_of(case.space.actions).rows))


def _drawn(shape: _Shape, case: SamplingInput) -> list[int]:
    rule = case.rule
    if isinstance(shape.layout, Covering):
        return shape.layout.dealt(rule.seed, _window(case))
    return shape.layout.draw(Stream(rule.seed, case.issue_id, STRATEGY_VERSION[rule.strategy]))


def _fitting(shape: _Shape, drawn: Sequence[int]) -> list[int]:
    """The drawn arms in their order, without those that no longer fit."""
    left = shape.budget_ms
    kept = []
    for position in drawn:
        if shape.free_ms[position] <= left:
            left -= shape.free_ms[position]
            kept.append(position)
    return kept


def _chances(shape: _Shape, rule: SamplingRule) -> tuple[PropensityKind, list[float]]:
    """How sure the propensities are, and π of each free action."""
    layout = shape.layout
    if rule.strategy == "deterministic" or (rule.strategy == "anchor" and shape.may_exceed):
        kept = _fitting(shape, layout.draw(Stream())) if shape.may_exceed else layout.draw(Stream())
        return "deterministic", [float(position in kept) for position in range(len(layout.free))]
    if not shape.may_exceed:
        return "exact", layout.propensities()
    if isinstance(layout, Layout) and all(plan.pool == 0 for plan in layout.plans):
        return "exact", limited_propensities(layout, shape.free_ms, shape.budget_ms)
    # An arm that is drawn once had a chance, however small: never zero.
    counts = np.maximum(np.diagonal(_redrawn(shape)), 1 / REDRAWS)
    return "estimated", [float(chance) for chance in counts]


def _joint_of(shape: _Shape) -> Floats:
    layout = shape.layout
    if isinstance(layout, Layout) and all(plan.pool == 0 for plan in layout.plans):
        return limited_joint(layout, shape.free_ms, shape.budget_ms)
    return _redrawn(shape)


@lru_cache(maxsize=256)
def _redrawn(shape: _Shape) -> Floats:
    """(free, free) by drawing `REDRAWS` times: without replacement and under a limit there is no closed form."""
    stream = Stream("propensity", shape.rule.seed, STRATEGY_VERSION[shape.rule.strategy])
    counts = np.zeros((len(shape.layout.free), len(shape.layout.free)))
    for _ in range(REDRAWS):
        kept = _fitting(shape, shape.layout.draw(stream))
        counts[np.ix_(kept, kept)] += 1
    found: Floats = counts / REDRAWS
    return found
