"""Which K arms a case tries, each with its exact probability of being chosen.

How they are drawn is the strategy's part (`strategies.contract`); limits on the time of a case are applied here.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.experiment.space import SampledCase, SamplingInput
from bench.experiment.strategies.registry import get_strategy
from bench.experiment.strategies.shape import fitting, shape_of
from planner.actions import Action


def sample_arms(case: SamplingInput) -> SampledCase:
    """The arms of `case` in canonical order; a `BenchError` where K is larger than the allowed actions.

    Where the arms could exceed `space.max_total_ms`, they are drawn in the same way and an arm that no longer fits
    is left out: the case then has fewer arms, and its note says so. Propensities take that into account.
    """
    shape = shape_of(case)
    drawn, notes = get_strategy(case.rule.strategy).draw(case)
    kept = fitting(shape, drawn) if shape.may_exceed else drawn
    arms = [*shape.forced, *(shape.free[position] for position in sorted(kept))]
    arms.sort(key=shape.rank)
    notes = (*shape.design.notes, *notes)
    wanted = len(shape.design.forced) + len(drawn)
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
        "strategy_version": shape.strategy.version,
        "k": rule.k,
        "seed": rule.seed,
        "propensities": shape.groups,
        "joint": None if certain else joint[np.triu_indices(len(arms), 1)].tolist(),
    }
