"""A planner_input that offers fewer actions gets one of those, from the model and from the baseline."""

import random
from typing import Any

import numpy as np
import pytest

from planner.actions import NA, SERIAL, SPECULATE, Action
from planner.space.baseline import baseline_action
from tests.fixtures.planner_examples import planner_input
from tests.fixtures.stand_in_models import SURE, HeadsModel, planner_with

ASKED = planner_input(random.Random(5), job_type="code", issue={"dk_risk": "high", "dk_size": "L"})


def _offering(**lists: list[Any]) -> dict[str, Any]:
    return {**ASKED, "action_space": {**ASKED["action_space"], **lists}}


def test_the_likeliest_offered_action_is_chosen() -> None:
    planner = planner_with(HeadsModel(SURE))
    assert planner.decide(ASKED).action == Action(SPECULATE, 3, 60, NA)
    answer = planner.decide(_offering(max_minutes_bins=[15, 60], max_candidates_bins=[1, 2]))
    assert answer.action.max_candidates_bin in (1, 2)
    assert answer.action.max_minutes_bin == 60
    assert answer.probs is not None
    assert sum(answer.probs["candidates"][:2]) == pytest.approx(1)
    assert planner.decide(_offering(swarm_ids=[SERIAL])).action.swarm_id == SERIAL


def test_another_order_of_the_whole_space_changes_nothing() -> None:
    planner = planner_with(HeadsModel(SURE))
    turned = _offering(max_minutes_bins=list(reversed(ASKED["action_space"]["max_minutes_bins"])))
    assert planner.decide(turned).probs == planner.decide(ASKED).probs


def test_the_baseline_of_a_fallback_is_the_nearest_offered_action() -> None:
    planner = planner_with(HeadsModel(np.zeros(17)))
    assert (
        planner.decide(ASKED).action == baseline_action("high", "L", "code") == Action(SPECULATE, 3, 60, NA)
    )
    answer = planner.decide(_offering(max_minutes_bins=[15, 30]))
    assert answer.abstain_to_default
    assert answer.action == Action(SPECULATE, 3, 15, NA)


def test_an_offer_without_a_valid_action_gets_the_baseline_and_says_so() -> None:
    answer = planner_with(HeadsModel(SURE)).decide(_offering(swarm_ids=[SERIAL], max_candidates_bins=[3]))
    assert answer.reason == "inference_error_EmptyActionSpaceError"
    assert answer.action == baseline_action("high", "L", "code")
