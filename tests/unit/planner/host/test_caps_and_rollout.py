"""Caps and rollout rules: what they leave is always valid."""

from itertools import product

import pytest

from planner.actions import (
    JOB_TYPES,
    NA,
    SERIAL,
    SPECULATE,
    SWARM_IDS,
    Action,
    JobType,
    is_valid,
    valid_actions,
)
from planner.host.caps import Caps, capped
from planner.host.rollout import RISKS, Mode, Rollout, is_reduction
from planner.space.baseline import baseline_action

DECIDED = Action(SPECULATE, 3, 120, NA)
BASELINE = Action(SERIAL, 1, 45, NA)


@pytest.mark.parametrize("job_type", JOB_TYPES)
def test_any_caps_leave_any_valid_action_valid_and_within_them(job_type: JobType) -> None:
    for caps in (Caps(*limits) for limits in product((1, 2, 5), (15, 50, 120), (1, 4, 10))):
        for action in valid_actions(job_type):
            lowered, reasons = capped(action, caps)
            assert is_valid(lowered, job_type)
            limits = (caps.max_candidates_cap, caps.max_minutes_cap, caps.max_iterations_cap)
            for value, limit in zip(lowered[1:], limits, strict=True):
                assert value == NA or value <= limit
            assert bool(reasons) == (lowered != action)


def test_a_cap_takes_the_largest_bin_below_it_and_says_what_was_lowered() -> None:
    action = Action(SPECULATE, 3, 120, 5)
    lowered, reasons = capped(action, Caps(2, 59, 4))
    assert lowered == Action(SPECULATE, 2, 45, 3)
    assert reasons == ["capped_candidates_from_3", "capped_minutes_from_120", "capped_iterations_from_5"]


def test_the_default_caps_lower_nothing_of_the_space_and_a_cap_below_every_bin_leaves_the_smallest() -> None:
    for job_type in JOB_TYPES:
        assert all(capped(action, Caps()) == (action, []) for action in valid_actions(job_type))
    assert capped(Action(SPECULATE, 3, 60, 2), Caps(0, 1, -5))[0] == Action(SPECULATE, 1, 15, 1)


@pytest.mark.parametrize(("mode", "reason"), [("off", "planner_off"), ("log", "shadow_mode")])
def test_without_enforcement_the_baseline_runs(mode: Mode, reason: str) -> None:
    assert Rollout(mode).resolve(DECIDED, BASELINE, "code", "low") == (BASELINE, False, reason)


def test_enforced_decisions_run_as_they_are_unless_they_abstain() -> None:
    assert Rollout().resolve(DECIDED, BASELINE, "code", "low") == (DECIDED, True, None)
    assert Rollout().resolve(BASELINE, BASELINE, "code", "low", abstains=True) == (
        BASELINE,
        False,
        "abstained",
    )


def test_enforcement_can_be_limited_to_job_types_and_risks() -> None:
    rollout = Rollout(job_types=("code",), risks=("low", "medium"))
    assert rollout.resolve(DECIDED, BASELINE, "fab-asset", "low").reason == "job_type_not_enabled"
    assert rollout.resolve(DECIDED, BASELINE, "code", "critical").reason == "risk_not_enabled"
    assert rollout.resolve(DECIDED, BASELINE, "code", "medium").enforced
    assert rollout.resolve(DECIDED, BASELINE, "code", None).enforced
    assert Rollout(risks=("high",)).resolve(DECIDED, BASELINE, "code", "odd").reason == "risk_not_enabled"


@pytest.mark.parametrize("job_type", JOB_TYPES)
def test_reductions_only_never_runs_more_than_the_baseline(job_type: JobType) -> None:
    rollout = Rollout(reductions_only=True)
    for risk, size in product(RISKS, ("XS", "M", "XL")):
        baseline = baseline_action(risk, size, job_type)
        ran = {rollout.resolve(a, baseline, job_type, risk).action for a in valid_actions(job_type)}
        assert baseline in ran
        assert all(is_reduction(action, baseline) for action in ran)


@pytest.mark.parametrize(
    ("action", "smaller"),
    [
        (BASELINE, True),
        (Action(SERIAL, 1, 30, NA), True),
        (Action(SERIAL, 1, 45, 2), True),
        (Action(SERIAL, 1, 60, NA), False),
        (Action(SERIAL, 1, NA, NA), False),
        (Action(SPECULATE, 1, 15, NA), False),
        (Action(SERIAL, 2, 15, NA), False),
    ],
)
def test_a_reduction_is_no_more_in_any_part(action: Action, smaller: bool) -> None:
    assert is_reduction(action, BASELINE) is smaller


@pytest.mark.parametrize("job_type", JOB_TYPES)
@pytest.mark.parametrize("swarm", SWARM_IDS)
def test_a_forced_swarm_leaves_a_valid_action_of_that_swarm(job_type: JobType, swarm: str) -> None:
    rollout = Rollout(force_swarm=swarm)
    for action in valid_actions(job_type):
        done = rollout.resolve(action, BASELINE, job_type, "low")
        assert is_valid(done.action, job_type)
        assert done.action.swarm_id == swarm
        assert done.action.max_minutes_bin == action.max_minutes_bin
        assert (done.reason == f"forced_{swarm}") == (action.swarm_id != swarm)


def test_a_forced_swarm_does_not_slip_past_reductions_only() -> None:
    rollout = Rollout(force_swarm=SPECULATE, reductions_only=True)
    assert rollout.resolve(BASELINE, BASELINE, "code", "low") == (BASELINE, False, "not_a_reduction")
