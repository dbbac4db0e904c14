"""Predicted outcomes of a decision, for policy traces: what an outcome model expected of the actions that mattered."""

from collections.abc import Mapping
from math import expm1
from typing import Any

from planner.actions import Action, JobType, canonical_rank, valid_actions
from planner.host.answer import PlannerAction
from planner.policies.outcome_choice import COST, LOG_DURATION, PASS_MEAN, PASS_STD, TIMEOUT

BEST = 3
"""Number of actions that are recorded for their probability of passing alone."""
_DIGITS = 6


def predicted_outcomes(
    answer: PlannerAction, job_type: JobType, roles: Mapping[str, Action]
) -> list[dict[str, Any]]:
    """The predictions for the actions in `roles`, such as `decided`, `executed` and `baseline`, and for the likeliest.

    Each names its action, its roles (`likely_to_pass` for the `BEST` valid actions that pass most probably),
    `p_pass` with the spread of the ensemble, `p_timeout`, `duration_ms` (typical, without a timeout) and `cost_usd`.

    Returns an empty list where the model predicts no outcomes, or did not answer.
    """
    outcomes = answer.outcomes
    if outcomes is None:
        return []
    by_passing = sorted(
        valid_actions(job_type), key=lambda valid: -outcomes[canonical_rank(valid)][PASS_MEAN]
    )
    named = [*roles.items(), *(("likely_to_pass", action) for action in by_passing[:BEST])]
    actions: dict[Action, list[str]] = {}
    for role, action in named:
        actions.setdefault(action, []).append(role)
    return [
        {"action": list(action), "roles": own, **_numbers(outcomes[canonical_rank(action)])}
        for action, own in actions.items()
    ]


def _numbers(row: Any) -> dict[str, float]:
    values = {
        "p_pass": row[PASS_MEAN],
        "p_pass_std": row[PASS_STD],
        "p_timeout": row[TIMEOUT],
        # The model predicts the mean of log(1 + ms).
        "duration_ms": expm1(min(float(row[LOG_DURATION]), 50.0)),
        "cost_usd": row[COST],
    }
    return {name: round(float(value), _DIGITS) for name, value in values.items()}
