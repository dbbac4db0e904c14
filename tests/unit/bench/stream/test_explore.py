"""Exploration draws what it says it draws."""

from collections import Counter

import pytest

from bench.experiment.logged_draw import safe_set
from bench.stream.explore import explore
from planner.actions import NA, Action, valid_actions
from planner.host.rollout import is_reduction
from planner.space.baseline import baseline_action

BASELINE = baseline_action("high", "M", "code")
CHOSEN = Action("serial_handoff", 1, 30, NA)
SAFE = safe_set(CHOSEN, BASELINE, "code")


def test_the_safe_set_asks_for_no_more_than_the_baseline_and_holds_the_choice() -> None:
    dearer = Action("speculate_vote", 3, 120, NA)
    assert all(is_reduction(action, BASELINE) for action in SAFE)
    assert set(SAFE) == {action for action in valid_actions("code") if is_reduction(action, BASELINE)}
    assert dearer not in SAFE
    assert set(safe_set(dearer, BASELINE, "code")) == {*SAFE, dearer}


def test_the_same_input_draws_the_same_and_another_seed_anew() -> None:
    draws = [explore(CHOSEN, SAFE, 0.5, "hash", "1") for _ in range(3)]
    assert draws[0] == draws[1] == draws[2]
    assert any(
        explore(CHOSEN, SAFE, 0.5, f"h{n}", "1") != explore(CHOSEN, SAFE, 0.5, f"h{n}", "2") for n in range(9)
    )


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.7, 1.0])
def test_logged_propensities_are_the_realised_frequencies(epsilon: float) -> None:
    draws = [explore(CHOSEN, SAFE, epsilon, f"input-{n}", "1") for n in range(20_000)]
    logged = {draw.action: draw.propensity for draw in draws}
    for action in SAFE:
        expected = epsilon / len(SAFE) + (1 - epsilon if action == CHOSEN else 0)
        count = Counter(draw.action for draw in draws)[action]
        # Five standard deviations: false alarms once in a million.
        slack = 5 * (len(draws) * expected * (1 - expected)) ** 0.5
        assert abs(count - len(draws) * expected) <= slack
        if action in logged:
            assert logged[action] == pytest.approx(expected)


def test_a_choice_outside_its_safe_set_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="safe set"):
        explore(Action("speculate_vote", 3, 120, NA), SAFE, 0.1, "hash", "1")
