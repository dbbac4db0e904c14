"""Which K arms a case tries, each with its exact probability of being chosen.

Strategies (`SamplingRule.strategy`):
- `deterministic`: the first K in canonical order; π ∈ {0, 1}, never eligible for off-policy estimates.
- `random`: K uniformly without replacement.
- `coverage`: strata around the baseline: other topology; same topology and worst case cheaper; same and
  dearer; the rest (same topology, equal worst case). See `layout`.
- `anchor`: every allowed action, π = 1; K is not used.

The baseline's and the last executed action, where included, are certain (π = 1) and count within K.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from bench.experiment.layout import layout_for
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

REDRAWS = 20_000
"""Draws behind an estimated propensity: a standard error of at most 0.0036."""


def sample_arms(case: SamplingInput) -> SampledCase:
    """The arms of `case` in canonical order; a `BenchError` where K is larger than the allowed actions.

    Each case draws from its own stream, keyed by seed, issue id and strategy version. Where the arms could
    exceed `space.max_total_ms`, they are drawn in the same way and an arm that no longer fits is left out:
    the case then has fewer arms, and its note says so. Propensities take that into account.
    """
    rule, space = case.rule, case.space
    shape = _shape(space, case.baseline, case.executed, rule)
    drawn = shape.layout.draw(Stream(rule.seed, case.issue_id, STRATEGY_VERSION[rule.strategy]))
    kept = _fitting(shape, drawn) if shape.may_exceed else drawn
    arms = [*shape.forced, *(shape.free[position] for position in sorted(kept))]
    arms.sort(key=shape.rank)
    notes = shape.layout.notes
    if len(arms) < len(shape.layout.forced) + len(drawn):
        wanted = len(shape.layout.forced) + len(drawn)
        notes = (*notes, f"{len(arms)} of {wanted} arms fit max_total_minutes_per_issue")
    return SampledCase(tuple(arms), "; ".join(notes) or None)


def propensities(case: SamplingInput) -> dict[Action, float]:
    """π of every allowed action of `case`, also of those not drawn; forced actions 1."""
    shape = _shape(case.space, case.baseline, case.executed, case.rule)
    known = {arm.action: arm.propensity for arm in chain(shape.forced, shape.free)}
    return {action: known.get(action, 0.0) for action in case.space.actions}


class _Shape:
    """A layout with its arms ready to hand out: shared by all cases that look the same to the sampler."""

    def __init__(
        self, space: ArmSpace, baseline: Action, executed: Action | None, rule: SamplingRule
    ) -> None:
        self.layout = layout_for(space, baseline, executed, rule)
        self._order = {action: position for position, action in enumerate(space.actions)}
        self.free_ms = [space.arm_ms[action] for action in self.layout.free]
        self.may_exceed = False
        self.budget_ms = 0
        certain = self.layout.forced
        if space.max_total_ms is not None:
            certain = tuple(self._fitting_forced(space, space.max_total_ms))
            self.may_exceed = len(certain) < len(self.layout.forced) or self._most_ms() > self.budget_ms
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

    def _most_ms(self) -> int:
        """An upper bound of what the drawn arms can add up to."""
        dearest = sorted(self.free_ms, reverse=True)
        return max(
            sum(max(self.free_ms[position] for position in slot) for slot in plan.slots)
            + sum(dearest[: plan.pool])
            for plan in self.layout.plans
        )


_shape = lru_cache(maxsize=4096)(_Shape)


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
    if all(plan.pool == 0 for plan in layout.plans):
        return "exact", _limited_slots(shape)
    return "estimated", _redrawn(shape, rule)


def _limited_slots(shape: _Shape) -> list[float]:
    """π where arms that no longer fit are left out and all draws are independent: exact, by following the
    distribution of the time used from slot to slot.
    """
    layout = shape.layout
    chances = [0.0] * len(layout.free)
    for plan in layout.plans:
        used = {0: 1.0 / len(layout.plans)}
        for slot in plan.slots:
            after: dict[int, float] = {}
            for before, weight in used.items():
                for position in slot:
                    total = before + shape.free_ms[position]
                    share = weight / len(slot)
                    if total <= shape.budget_ms:
                        chances[position] += share
                    else:
                        total = before
                    after[total] = after.get(total, 0.0) + share
            used = after
    return chances


def _redrawn(shape: _Shape, rule: SamplingRule) -> list[float]:
    """π by drawing `REDRAWS` times: without replacement and under a limit there is no closed form."""
    stream = Stream("propensity", rule.seed, STRATEGY_VERSION[rule.strategy])
    counts = [0] * len(shape.layout.free)
    for _ in range(REDRAWS):
        for position in _fitting(shape, shape.layout.draw(stream)):
            counts[position] += 1
    # An arm that is drawn once had a chance, however small: never zero.
    return [max(count, 1) / REDRAWS for count in counts]
