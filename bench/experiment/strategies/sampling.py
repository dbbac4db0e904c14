"""Sampling of the arms of a case, each with its inclusion probability.

The strategy defines the design (`strategies.contract`); limits on the time of a case are applied here.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.experiment.space import SampledCase, SamplingInput
from bench.experiment.strategies.resolved import fitting, resolve_design
from planner.actions import Action


def sample_arms(case: SamplingInput) -> SampledCase:
    """The arms of `case` in canonical order.

    Where the arms could exceed `space.max_total_ms`, they are drawn in the same way and an arm that no longer fits
    is left out: the case then has fewer arms, and a note. Propensities take that into account.

    Raises `BenchError` where K is larger than the number of allowed actions.
    """
    resolved = resolve_design(case)
    drawn, notes = resolved.strategy.draw(case)
    kept = fitting(resolved, drawn) if resolved.may_exceed else drawn
    arms = [*resolved.forced, *(resolved.free[position] for position in sorted(kept))]
    arms.sort(key=resolved.rank)
    notes = (*resolved.design.notes, *notes)
    wanted = len(resolved.design.forced) + len(drawn)
    if len(arms) < wanted:
        notes = (*notes, f"{len(arms)} of {wanted} arms fit max_total_minutes_per_issue")
    return SampledCase(tuple(arms), "; ".join(notes) or None)


def propensities(case: SamplingInput) -> dict[Action, float]:
    """The inclusion probability of every allowed action of `case`; 1 for forced actions."""
    return resolve_design(case).propensities


def joint_propensities(case: SamplingInput, actions: Sequence[Action]) -> NDArray[np.float64]:
    """(actions, actions): the joint inclusion probability of each pair in `case`; π on the diagonal."""
    return resolve_design(case).joint_of(actions)


def design_document(case: SamplingInput, sampled: SampledCase) -> dict[str, Any]:
    """The sampling design of a case as JSON-able data, stored before anything runs.

    Returns `{kind, strategy, strategy_version, k, seed, propensities, joint, plans}`. `propensities` has every allowed
    action, as `[[π, [cell, …]], …]`. `joint` has the joint inclusion probabilities of the arms of the case: the pairs
    above the diagonal row by row, arms in canonical order; null where every arm is certain. `plans` is the
    mixture that they were drawn from, as in `ResolvedDesign.plans`.
    """
    resolved, rule, arms = resolve_design(case), case.rule, [arm.action for arm in sampled.arms]
    joint = joint_propensities(case, arms)
    certain = all(arm.propensity == 1 for arm in sampled.arms)
    return {
        "kind": resolved.kind,
        "strategy": rule.strategy,
        "strategy_version": resolved.strategy.version,
        "k": rule.k,
        "seed": rule.seed,
        "propensities": resolved.groups,
        "joint": None if certain else joint[np.triu_indices(len(arms), 1)].tolist(),
        "plans": None if certain else resolved.plans,
    }
