"""Choosing by predicted outcomes: utility, and the bound that keeps a policy from being worse than the baseline."""

from typing import Any

import numpy as np
import pytest

from planner.actions import JOB_TYPES, Action, JobType, canonical_rank, valid_actions
from planner.errors import PlannerError
from planner.policies.outcome_choice import (
    COST,
    PASS_MEAN,
    PASS_STD,
    TIMEOUT,
    DecisionWeights,
    choose_by_outcome,
)
from planner.space.decode import decode_cells
from planner.space.heads import N_CELLS, valid_cells

BASELINE = Action("serial_handoff", 1, 30, "NA")
BETTER = Action("speculate_vote", 3, 60, "NA")


def outcomes(**changes: tuple[Action, int, float]) -> np.ndarray:
    """All actions alike, but for changes (action, column, value)."""
    predictions = np.tile([0.5, 0.05, 0.1, 12.0, 0.2], (N_CELLS, 1))
    for action, column, value in changes.values():
        predictions[canonical_rank(action), column] = value
    return predictions


def chosen(predictions: np.ndarray, **weights: float) -> Action:
    return decode_cells(
        choose_by_outcome(predictions, "code", BASELINE, DecisionWeights(**weights)), "code"
    ).action


def test_what_passes_more_often_is_chosen() -> None:
    assert chosen(outcomes(a=(BETTER, PASS_MEAN, 0.9))) == BETTER


def test_a_better_mean_that_is_too_uncertain_is_not_chosen() -> None:
    unsure = outcomes(a=(BETTER, PASS_MEAN, 0.9), b=(BETTER, PASS_STD, 0.5))
    assert chosen(unsure) != BETTER
    assert chosen(unsure, deviations=0) == BETTER


def test_a_cheaper_action_may_fall_short_of_the_baseline_by_the_tolerance_and_no_more() -> None:
    cheap = {"b": (BETTER, COST, 0.0)}
    just = outcomes(a=(BETTER, PASS_MEAN, 0.481), **cheap)
    below = outcomes(a=(BETTER, PASS_MEAN, 0.479), **cheap)
    assert chosen(just, cost=10, tolerance=0.02) == BETTER
    assert chosen(below, cost=10, tolerance=0.02) != BETTER


def test_timeouts_and_cost_count_against_an_action() -> None:
    for column, value in ((TIMEOUT, 0.9), (COST, 5.0)):
        predictions = outcomes(a=(BETTER, PASS_MEAN, 0.6), b=(BETTER, column, value))
        assert chosen(predictions, risk=1, cost=1) != BETTER


def test_the_baseline_stays_open_even_where_its_own_bound_is_unknown_to_be_good() -> None:
    alone = outcomes(a=(BASELINE, PASS_MEAN, 0.99), b=(BASELINE, COST, 50.0))
    assert chosen(alone, cost=1) == BASELINE


@pytest.mark.parametrize("job_type", JOB_TYPES)
def test_what_is_closed_has_probability_zero(job_type: JobType) -> None:
    rng = np.random.default_rng(0)
    predictions = rng.random((N_CELLS, 5))
    baseline = valid_actions(job_type)[0]
    scores = choose_by_outcome(predictions, job_type, baseline, DecisionWeights(deviations=0, tolerance=0))
    bound = predictions[canonical_rank(baseline), PASS_MEAN]
    closed = valid_cells(job_type)[predictions[valid_cells(job_type), PASS_MEAN] < bound]
    shares = decode_cells(scores, job_type).probabilities
    assert (shares[np.isin(valid_cells(job_type), closed)] == 0).all()
    assert np.isfinite(scores).all()


def test_the_temperature_changes_confidence_and_not_the_choice() -> None:
    predictions = outcomes(a=(BETTER, PASS_MEAN, 0.9))
    sharp, flat = (
        decode_cells(
            choose_by_outcome(predictions, "code", BASELINE, DecisionWeights(temperature=at)), "code"
        )
        for at in (0.05, 5.0)
    )
    assert sharp.action == flat.action
    assert sharp.confidence > flat.confidence


@pytest.mark.parametrize("weights", [{"time": -1.0}, {"cost": float("nan")}, {"temperature": 0.0}])
def test_weights_that_cannot_be_are_refused(weights: dict[str, Any]) -> None:
    with pytest.raises(PlannerError, match=f"decision weight {next(iter(weights))} must be"):
        DecisionWeights(**weights).checked()
