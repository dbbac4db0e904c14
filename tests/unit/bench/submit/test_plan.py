"""The plan of a bench is a pure function: same config, issues and seed, same plan."""

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.config.load import apply_overrides
from bench.config.models import BenchConfig
from bench.errors import BenchError
from bench.experiment.space import SamplingRule
from bench.experiment.strategies.racing import draw_racers
from bench.experiment.worst_case import ArmLimits, arm_space, cost_model
from bench.intake.issue import RISKS, SIZES, Issue
from bench.statistics.racing import RULE
from bench.submit.arms import null_if_na
from bench.submit.history import run_summary, similar_history
from bench.submit.inputs import planner_input, system_state
from bench.submit.plan import Known, Ready, make_ready, plan_bench, plan_fingerprint
from bench.submit.racing import forecast_lines, race_forecast
from db.repositories.history import FarmLoad, ScoredRun
from db.repositories.new_bench import NewBench
from planner.actions import SPECULATE, canonical_rank, valid_actions
from planner.documents.base import parse_document
from planner.documents.planner_input import PlannerInput

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
WORKCELL: dict[str, Any] = {
    "repo": "/repo",
    "gates": [{"name": "test", "command": "true", "timeout_seconds": 10}],
    "rates": {"usd_per_minute": 0.01, "max_usd_per_candidate": 0.5},
}
CODE = valid_actions("code")


def _config(**flags: Any) -> BenchConfig:
    return apply_overrides(BenchConfig.model_validate({"workcell": WORKCELL}), **flags)


def _issue(number: int) -> Issue:
    return Issue(id=f"i-{number:03d}", dk_risk=RISKS[number % 4], dk_size=SIZES[number % 5], tags=("a",))


def _plan(config: BenchConfig, numbers: list[int], **known: Any) -> NewBench:
    ready = [make_ready(config, _issue(number), lambda _repo, _ref: "c" * 40) for number in numbers]
    return plan_bench(config, "b-1", "all", ready, Known(NOW, **known))


def _arms(plan: NewBench) -> dict[str, list[tuple[int, float, list[int]]]]:
    return {
        case.issue_id: [
            (arm.canonical_rank, arm.propensity, [e.seed for e in arm.executions]) for arm in case.arms
        ]
        for case in plan.cases
    }


@settings(max_examples=30)
@given(seed=st.integers(0, 2**63 - 1), shuffle=st.randoms(use_true_random=False))
def test_the_same_seed_gives_the_same_plan_in_any_order_of_issues(seed: int, shuffle: random.Random) -> None:
    numbers = list(range(8))
    plan = _plan(_config(seed=seed), numbers)
    shuffle.shuffle(numbers)
    again = _plan(_config(seed=seed), numbers)
    assert _arms(plan) == _arms(again)
    assert plan_fingerprint(plan) == plan_fingerprint(_plan(_config(seed=seed), list(range(8))))


def test_another_issue_changes_no_other_case() -> None:
    few, more = _arms(_plan(_config(), [1, 2, 3])), _arms(_plan(_config(), [1, 2, 3, 4]))
    assert all(more[issue] == arms for issue, arms in few.items())


def test_another_seed_draws_other_arms() -> None:
    assert _arms(_plan(_config(seed=1), [1, 2, 3])) != _arms(_plan(_config(seed=2), [1, 2, 3]))


def test_the_worst_case_of_every_execution_covers_its_candidates_minutes_and_money() -> None:
    for case in _plan(_config(strategy="anchor"), [3]).cases:
        for arm in case.arms:
            planned = arm.planned
            dollars = planned["candidates"] * (planned["minutes"] * 0.01 + 0.5)
            assert all(e.worst_micro_usd == round(dollars * 1e6) for e in arm.executions)
            assert all(
                e.worst_ms == planned["candidates"] * planned["minutes"] * 60_000 for e in arm.executions
            )
            assert all(
                e.deadline_seconds > planned["candidates"] * planned["minutes"] * 60 for e in arm.executions
            )


def test_replicates_have_seeds_of_their_own() -> None:
    arm = _plan(_config(replicates=3), [1]).cases[0].arms[0]
    assert [e.replicate for e in arm.executions] == [0, 1, 2]
    assert len({e.seed for e in arm.executions}) == 3


def test_the_baseline_is_always_an_arm_and_certain() -> None:
    for case in _plan(_config(), list(range(10))).cases:
        baseline = [arm for arm in case.arms if arm.is_baseline]
        assert [arm.propensity for arm in baseline] == [1.0]
        if case.dk_risk in ("high", "critical"):
            assert (baseline[0].swarm_id, baseline[0].max_candidates) == (SPECULATE, 3)


def test_a_covering_bench_covers_every_pair_in_the_order_of_admission() -> None:
    config = apply_overrides(
        BenchConfig.model_validate({"workcell": WORKCELL, "action_sampling": {"strategy": "covering"}}), k=4
    )
    plan = _plan(config, list(range(12)))
    first = sorted(plan.cases, key=lambda case: case.admission_rank)[:9]
    tried = {(arm.swarm_id, arm.max_candidates, arm.max_minutes) for case in first for arm in case.arms}
    pairs = {pair for action in tried for pair in itertools.combinations(enumerate(action), 2)}
    valid = [(a.swarm_id, null_if_na(a.max_candidates_bin), null_if_na(a.max_minutes_bin)) for a in CODE]
    assert pairs == {pair for action in valid for pair in itertools.combinations(enumerate(action), 2)}


@pytest.mark.parametrize("strategy", ["coverage", "covering", "random", "anchor", "deterministic"])
def test_the_design_of_a_case_holds_the_propensities_of_all_actions_and_of_its_pairs(strategy: str) -> None:
    sampling = {"strategy": strategy, "K": 5}
    plan = _plan(BenchConfig.model_validate({"workcell": WORKCELL, "action_sampling": sampling}), [1, 2, 3])
    for case in plan.cases:
        design = case.design
        assert design is not None
        chances = {cell: chance for chance, cells in design["propensities"] for cell in cells}
        assert sorted(chances) == [canonical_rank(action) for action in CODE]
        assert all(chances[arm.canonical_rank] == arm.propensity for arm in case.arms)
        assert (design["kind"] == "deterministic") == (strategy == "deterministic")
        if design["joint"] is not None:
            pairs = list(itertools.combinations(case.arms, 2))
            for (one, other), joint in zip(pairs, design["joint"], strict=True):
                assert 0 < joint <= min(one.propensity, other.propensity) + 1e-12


def test_a_race_tries_the_same_arms_on_every_issue_beside_its_own_baseline() -> None:
    plan = _plan(_config(strategy="racing", replicates=2), list(range(12)))
    assert plan.race is not None
    cells = plan.race["cells"]
    assert plan.race == {
        "cells": sorted(set(cells)),
        "control": True,
        "looked": 0,
        "dropped": {},
        "rule": RULE,
    }
    assert len(cells) == plan.k - 1
    baselines = set()
    for case in plan.cases:
        own = [arm.canonical_rank for arm in case.arms if arm.stratum == "baseline"]
        baselines |= set(own)
        assert [arm.canonical_rank for arm in case.arms if arm.is_baseline] == own
        assert sorted({*cells, *own}) == [arm.canonical_rank for arm in case.arms]
        assert {(arm.propensity, arm.propensity_kind) for arm in case.arms} == {(1.0, "deterministic")}
        assert case.design is not None
        assert case.design["kind"] == "deterministic"
    assert len(baselines) > 1
    assert _plan(_config(), [1]).race is None


def test_a_plan_of_a_race_forecasts_which_gaps_its_issues_can_tell() -> None:
    plan = _plan(_config(strategy="racing", k=6), list(range(40)))
    forecast = race_forecast(plan)
    assert forecast is not None
    assert (forecast["arms"], forecast["issues"]) == (6, 40)
    needed = forecast["dropped_after"]
    assert list(needed) == ["50", "30", "20"]
    assert needed["50"] <= 40 < needed["30"] < needed["20"]
    assert forecast_lines(plan) == [
        "race of 6 arms: an arm is dropped when it is this far behind the best, after about",
        f"  50 points: {needed['50']} issues",
        f"  30 points: {needed['30']} issues, more than these 40",
        f"  20 points: {needed['20']} issues, more than these 40",
        "the race of these 40 issues keeps arms that are less far behind: bench "
        f"{needed['20']} issues to drop them at 20 points, or compare those left by bench value",
    ]
    assert len(forecast_lines(_plan(_config(strategy="racing", k=6), list(range(needed["20"]))))) == 4
    without_control = {
        "workcell": WORKCELL,
        "action_sampling": {"K": 6, "strategy": "racing", "include_baseline": False},
    }
    assert race_forecast(_plan(BenchConfig.model_validate(without_control), list(range(40)))) == forecast
    assert race_forecast(_plan(_config(), [1])) is None
    assert forecast_lines(_plan(_config(), [1])) == []


def test_another_seed_races_other_arms_and_the_same_seed_the_same() -> None:
    raced = [_plan(_config(strategy="racing", seed=seed), [1, 2]).race for seed in (1, 1, 2)]
    assert raced[0] == raced[1] != raced[2]


def test_every_action_may_be_drawn_for_a_race() -> None:
    ready = make_ready(_config(), _issue(1), lambda _repo, _ref: "c" * 40)
    space = arm_space("code", cost_model(ready.workcell), ArmLimits(None, None, 1))
    drawn = [draw_racers([space], SamplingRule(k=9, strategy="racing", seed=seed)) for seed in range(150)]
    assert all(len(set(racers)) == 8 for racers in drawn)
    assert set(itertools.chain(*drawn)) == set(space.actions)


def test_a_race_of_one_arm_or_without_common_actions_is_refused() -> None:
    with pytest.raises(BenchError, match="at least two arms"):
        _plan(_config(strategy="racing", k=1), [1])
    with pytest.raises(BenchError, match="one job type at a time"):
        _plan(_config(strategy="racing", k=200), [1])


def test_a_base_that_was_checked_before_is_not_checked_again() -> None:
    config = _config()
    key = make_ready(config, _issue(1), lambda _repo, _ref: "c" * 40).baseline_key
    gates = [{"name": "test", "passed": False}]
    plan = _plan(config, [1, 2], baselines={key: gates})
    assert [case.baseline for case in plan.cases] == [gates, None]


def test_the_baseline_key_follows_what_the_gates_depend_on() -> None:
    issue = _issue(1)
    ready = make_ready(_config(), issue, lambda _repo, _ref: "c" * 40)
    dearer = ready.workcell.model_copy(update={"seconds_per_minute": 1.0})
    other = ready.workcell.model_copy(update={"base": "d" * 40})
    assert Ready(issue, dearer).baseline_key == ready.baseline_key
    assert Ready(issue, other).baseline_key != ready.baseline_key


def _good(of: str | None) -> Ready:
    config, issue = _config(), _issue(1).model_copy(update={"workcell": {"known_good": of} if of else None})
    return make_ready(config, issue, lambda _repo, ref: ("d" if ref == "fix" else "c") * 40)


def test_a_known_good_commit_is_resolved_and_a_part_of_what_was_checked() -> None:
    assert _good("fix").workcell.known_good == "d" * 40
    assert _good(None).workcell.known_good is None
    assert _good("fix").baseline_key != _good(None).baseline_key
    with pytest.raises(BenchError, match=r"issue i-001: workcell\.known_good is the base commit itself"):
        _good("main")


def test_more_arms_than_valid_actions_are_refused() -> None:
    with pytest.raises(BenchError, match="30"):
        _plan(_config(k=31), [1])


RUN = ScoredRun(
    execution_id=5,
    bench_id="b-1",
    issue_id="i-001",
    job_type="code",
    tags=["a"],
    status="failed",
    duration_ms=1000,
    budget_ms=900_000,
    micro_usd=None,
    fail_codes=["tests_failed"],
    gates=[{"name": "test", "passed": False, "score": 0.5}],
    executed_plan={
        "swarm_id_executed": "serial_handoff",
        "max_candidates_executed": 1,
        "timeout_seconds_executed": 900.0,
        "max_iterations_executed": 2,
    },
    started_at=NOW - timedelta(seconds=5),
    started_ms=int(NOW.timestamp() * 1000) - 5000,
)


def test_history_holds_earlier_runs_and_nothing_of_the_future() -> None:
    later = RUN._replace(execution_id=6, started_ms=int(NOW.timestamp() * 1000))
    similar = similar_history([later, RUN], NOW)
    assert [run["run_id"] for run in similar(_issue(1))] == [run_summary(RUN).run_id]


def test_the_planner_input_is_a_valid_document() -> None:
    load = FarmLoad(running=4, ready=30, usd_left_today=5_000_000, capabilities=["repair", "tag:py"])
    state = system_state(load, {"repair": 0.51239}, NOW, usd_cap=200.0)
    document = planner_input(_issue(1), NOW, similar_history([RUN], NOW)(_issue(1)), state)
    parsed = parse_document(PlannerInput, document)
    assert parsed.document() == document
    assert state["active_workcells_bin"] == "3-5"
    assert state["queue_depth_bin"] == "20+"
    assert state["hour_bucket"] == "afternoon"
    assert state["budget_remaining_bin"] == "low"
    assert state["available_toolchains"] == ["repair"]
