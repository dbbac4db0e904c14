"""Which K arms a case tries, each with its exact probability of being chosen.

Strategies (`SamplingRule.strategy`):
- `deterministic`: the first K in canonical order; π ∈ {0, 1}, never eligible for off-policy estimates.
- `random`: K uniformly without replacement.
- `coverage`: strata around the baseline: other topology; same topology and worst case cheaper; same and
  dearer; the rest (same topology, equal worst case). See `layout`.
- `covering`: rows of randomised pair-covering sets, dealt over the cases of the bench. See `covering`.
- `anchor`: every allowed action, π = 1; K is not used.
- `racing`: the same actions for all cases, drawn once for the bench; arms that lose are dropped while it runs.
  See `racers`. Within a bench nothing is left to chance: as for `deterministic`.

The baseline's and the last executed action, where included, are certain (π = 1) and count within K; `racing`
has no place for the latter.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.experiment.shape import drawn_by, fitting, shape_of
from bench.experiment.space import STRATEGY_VERSION, SampledCase, SamplingInput
from planner.actions import Action


def sample_arms(case: SamplingInput) -> SampledCase:
    """The arms of `case` in canonical order; a `BenchError` where K is larger than the allowed actions.

    Each case draws from its own stream, keyed by seed, issue id and strategy version; `covering` deals rows
    instead. Where the arms could
    exceed `space.max_total_ms`, they are drawn in the same way and an arm that no longer fits is left out:
    the case then has fewer arms, and its note says so. Propensities take that into account.
    """
    shape = shape_of(case)
    drawn = drawn_by(shape, case)
    kept = fitting(shape, drawn) if shape.may_exceed else drawn
    arms = [*shape.forced, *(shape.free[position] for position in sorted(kept))]
    arms.sort(key=shape.rank)
    notes = shape.layout.notes
    if case.rule.strategy == "covering" and len(drawn) < shape.slots:
        notes = (*notes, f"{shape.slots - len(drawn)} dealt rows are arms of the case anyway")
    wanted = len(shape.layout.forced) + len(drawn)
    if len(arms) < wanted:
        notes = (*notes, f"{len(arms)} of {wanted} arms fit max_total_minutes_per_issue")
    return SampledCase(tuple(arms), "; ".join(notes) or None)


def propensities(case: SamplingInput) -> dict[Action, float]:
    """π of every allowed action of `case`, also of those not drawn; forced actions 1."""
    return shape_of(case).propensities


def joint_propensities(case: SamplingInput, actions: Sequence[Action]) -> NDArray[np.float64]:
    """(actions, actions): the probability that both are arms of `case`; π on the diagonal."""
    return shape_of(case).joint_of(actions)


def design_document(case: SamplingInput, sampled: SampledCase) -> dict[str, Any]:
    """The sampling design of a case as it is stored before anything runs:
    `{kind, strategy, strategy_version, k, seed, propensities, joint}`.

    `propensities` has every allowed action, as `[[π, [cell, …]], …]`. `joint` has the probabilities that two
    arms of the case are drawn together: the pairs above the diagonal row by row, arms in canonical order; null
    where every arm is certain.
    """
    shape, rule, arms = shape_of(case), case.rule, [arm.action for arm in sampled.arms]
    joint = joint_propensities(case, arms)
    certain = all(arm.propensity == 1 for arm in sampled.arms)
    return {
        "kind": shape.kind,
        "strategy": rule.strategy,
        "strategy_version": STRATEGY_VERSION[rule.strategy],
        "k": rule.k,
        "seed": rule.seed,
        "propensities": shape.groups,
        "joint": None if certain else joint[np.triu_indices(len(arms), 1)].tolist(),
    }
