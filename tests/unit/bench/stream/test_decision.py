"""What runs and what is recorded, for every way of trusting a planner and every way it can fail."""

import random
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from bench.config.models import BenchConfig
from bench.intake.issue import PRIORITIES, RISKS, SIZES, Issue
from bench.stream.decision import Decision, plan_issue
from bench.stream.view import decisions_view
from bench.submit.inputs import planner_input
from db.repositories.streams import DecisionCount
from planner.actions import JOB_TYPES, NA, SERIAL, SPECULATE, Action, canonical_rank, is_valid, valid_actions
from planner.dataset.read import action_of
from planner.documents.base import hash_without_time, parse_document
from planner.documents.plans import PlannerActionDocument, PlannerPolicyTrace
from planner.host.caps import Caps
from planner.host.config import PlannerConfig, read_planner_config
from planner.host.rollout import is_reduction
from planner.inference import PlannerInference
from planner.space.baseline import POLICY_ID, baseline_action
from tests.fixtures.stand_in_models import (
    PATIENT,
    SURE,
    HeadsModel,
    Latch,
    OutcomesModel,
    planner_with,
    sure_of,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TAGS = {"code": ("area:io",), "fab-asset": ("asset:prop",), "fab-world": ("asset:world",)}
SURES_CHOICE = Action(SPECULATE, 3, 60, NA)
STABILITY = dict.fromkeys(("kernel_config_hash", "universe_hash", "prompt_frontier_hash"), "0" * 64)
UNSURE = np.zeros(17)
CONFIG = BenchConfig()


def _decide(
    issue: Issue, inference: PlannerInference, title: str = "", config: BenchConfig = CONFIG
) -> Decision:
    document = planner_input(issue.model_copy(update={"title": title}), NOW, [], None)
    return plan_issue(issue, document, hash_without_time(document), config, inference, STABILITY)


def _exploring(epsilon: float) -> BenchConfig:
    return BenchConfig.model_validate({"stream": {"exploration": {"enabled": True, "epsilon": epsilon}}})


def _settings(mode: str = "enabled", **flags: Any) -> PlannerConfig:
    flags["shadow_mode"] = mode == "shadow"
    block = {"enabled": mode != "disabled", "model": {"path": "bundle"}, "flags": flags}
    return replace(read_planner_config(block), inference=PATIENT)


def _choice(logits: Any, mode: str = "enabled", issue: Issue | None = None, **flags: Any) -> Decision:
    inference = planner_with(HeadsModel(logits), _settings(mode, **flags))
    return _decide(issue or Issue(id="i", dk_risk="low", dk_size="S"), inference)


def test_a_planner_that_is_disabled_leaves_the_heuristics_and_records_it() -> None:
    decision = _choice(SURE, "disabled")
    assert (decision.asked.action, decision.policy_id) == (Action(SERIAL, 1, 30, NA), POLICY_ID)
    assert decision.record["policy_trace"]["policy_mode"] == "off"
    assert decision.record["held_back"] == "planner_off"
    assert decision.record["planner_action"]["reason"] == "planner_disabled"


def test_in_shadow_mode_the_prediction_is_recorded_with_what_runs() -> None:
    decision = _choice(SURE, "shadow")
    assert decision.asked.action == Action(SERIAL, 1, 30, NA)
    predicted = parse_document(PlannerActionDocument, decision.record["planner_action"])
    assert predicted.action() == SURES_CHOICE
    assert decision.policy_id == POLICY_ID
    assert decision.record["policy_trace"]["policy_mode"] == "log"
    assert (decision.record["agrees"], decision.record["held_back"]) == (False, "shadow_mode")


def test_a_trace_says_why_something_else_runs() -> None:
    def reasons(decision: Decision) -> list[str] | None:
        trace = parse_document(PlannerPolicyTrace, decision.record["policy_trace"])
        return trace.reasons

    assert reasons(_choice(SURE)) is None
    assert reasons(_choice(SURE, "shadow")) == ["shadow_mode"]
    (unsure,) = reasons(_choice(UNSURE)) or []
    assert unsure.startswith("low_confidence_0.")
    tight = replace(_settings(), safety=Caps(max_candidates_cap=2))
    capped = _decide(Issue(id="i", dk_size="S"), planner_with(HeadsModel(SURE), tight))
    assert reasons(capped) == ["capped_candidates_from_3"]
    assert reasons(_choice(SURE, force_swarm=SERIAL)) == ["forced_serial_handoff"]


def test_a_trace_has_the_predicted_outcomes_of_the_actions_that_mattered() -> None:
    outcomes = np.tile([0.4, 0.05, 0.1, np.log1p(60_000.0), 0.25], (240, 1))
    best, baseline = Action(SPECULATE, 3, 60, NA), Action(SERIAL, 1, 30, NA)
    outcomes[canonical_rank(best), 0] = 0.9
    issue = Issue(id="i", dk_risk="low", dk_size="S")
    decision = _decide(issue, planner_with(OutcomesModel(outcomes), _settings("shadow")))
    trace = parse_document(PlannerPolicyTrace, decision.record["policy_trace"])
    assert trace.predicted_outcomes is not None
    by_action = {action_of(list(each.action)): each for each in trace.predicted_outcomes}
    assert by_action[best].roles == ["decided", "likely_to_pass"]
    assert by_action[baseline].roles[:2] == ["executed", "baseline"]
    assert (by_action[best].p_pass, by_action[baseline].p_pass) == (0.9, 0.4)
    assert (by_action[best].p_pass_std, by_action[best].p_timeout) == (0.05, 0.1)
    assert (by_action[best].duration_ms, by_action[best].cost_usd) == (60_000, 0.25)
    assert sum("likely_to_pass" in each.roles for each in trace.predicted_outcomes) == 3
    assert "predicted_outcomes" not in _choice(SURE).record["policy_trace"]


def test_an_enabled_planner_decides() -> None:
    decision = _choice(SURE)
    assert (decision.asked.action, decision.policy_id) == (SURES_CHOICE, "bundle:stand-in")
    assert (decision.record["agrees"], decision.record["held_back"]) == (True, None)


@pytest.mark.parametrize(
    ("flags", "action", "reason"),
    [
        ({"enabled_risks": ["medium"]}, Action(SERIAL, 1, 30, NA), "risk_not_enabled"),
        ({"enabled_risks": ["low"]}, SURES_CHOICE, None),
        ({"enabled_job_types": ["fab-asset"]}, Action(SERIAL, 1, 30, NA), "job_type_not_enabled"),
        ({"reductions_only": True}, Action(SERIAL, 1, 30, NA), "not_a_reduction"),
        ({"force_swarm": SERIAL}, Action(SERIAL, 1, 60, NA), "forced_serial_handoff"),
        ({"force_swarm": SPECULATE}, SURES_CHOICE, None),
        ({"force_swarm": SERIAL, "reductions_only": True}, Action(SERIAL, 1, 30, NA), "not_a_reduction"),
    ],
)
def test_steps_of_a_rollout(flags: dict[str, Any], action: Action, reason: str | None) -> None:
    decision = _choice(SURE, **flags)
    assert (decision.asked.action, decision.record["held_back"]) == (action, reason)


def test_reductions_alone_may_run_where_nothing_else_may() -> None:
    shorter = sure_of(0, 2, 6, 12 + 4)  # serial, 1 candidate, 15 minutes
    assert _choice(shorter, reductions_only=True).asked.action == Action(SERIAL, 1, 15, NA)


_GRID = list(
    product(
        ("disabled", "shadow", "enabled"),
        JOB_TYPES,
        RISKS,
        (["low", "high"], list(RISKS)),
        (["code"], list(JOB_TYPES)),
        (False, True),
        (None, SERIAL, SPECULATE),
        ("sure", "unsure"),
    )
)


def test_over_the_whole_grid_of_modes_the_planner_runs_exactly_where_it_may() -> None:
    ran: Counter[bool] = Counter()
    grid: list[tuple[Any, ...]] = list(_GRID)
    for mode, job_type, risk, risks, job_types, reductions, swarm, kind in grid:
        issue = Issue(id="i", tags=TAGS[job_type], dk_risk=risk, dk_size="L")
        flags = {"enabled_risks": risks, "enabled_job_types": job_types, "reductions_only": reductions}
        logits = SURE if kind == "sure" else UNSURE
        decision = _choice(logits, mode, issue, **flags, force_swarm=swarm)
        heuristic = baseline_action(risk, "L", job_type)
        may = mode == "enabled" and kind == "sure" and risk in risks and job_type in job_types
        action = decision.asked.action
        assert is_valid(action, job_type)
        assert decision.propensity == 1.0
        if not may or (reductions and not decision.record["enforced"]):
            assert (action, decision.policy_id) == (heuristic, POLICY_ID)
            assert decision.record["held_back"]
        else:
            assert decision.policy_id == "bundle:stand-in"
            assert swarm in (None, action.swarm_id)
        if reductions:
            assert is_reduction(action, heuristic)
        parse_document(PlannerActionDocument, decision.record["planner_action"])
        parse_document(PlannerPolicyTrace, decision.record["policy_trace"])
        ran[decision.record["enforced"]] += 1
    assert ran[True] > 100


def test_the_caps_bound_the_heuristics_too() -> None:
    config = read_planner_config({"enabled": False, "safety": {"max_minutes_cap": 45}})
    decision = _decide(Issue(id="i", dk_size="XL"), PlannerInference(config))
    assert decision.asked.action == Action(SPECULATE, 2, 45, NA)
    assert decision.record["held_back"] == "planner_off,capped_minutes_from_120"


EPSILON = 0.3
P3 = Issue(id="i", dk_priority="P3", dk_risk="high", dk_size="M")


def test_exploration_draws_by_the_propensities_it_records_and_the_same_for_the_same_input() -> None:
    inference = planner_with(HeadsModel(SURE), _settings("shadow"))
    exploring = _exploring(EPSILON)
    draws = [_decide(P3, inference, f"title {n}", exploring) for n in range(4000)]
    heuristic = baseline_action("high", "M", "code")
    safe = [action for action in valid_actions("code") if is_reduction(action, heuristic)]
    logged = {draw.asked.action: draw.propensity for draw in draws}
    assert set(logged) == set(safe)
    assert sum(logged.values()) == pytest.approx(1)
    assert logged[heuristic] == pytest.approx(1 - EPSILON + EPSILON / len(safe))
    counts = Counter(draw.asked.action for draw in draws)
    expected = [logged[action] * len(draws) for action in safe]
    assert chisquare([counts[action] for action in safe], expected).pvalue > 1e-4
    for number, draw in enumerate(draws[:50]):
        again = _decide(P3, inference, f"title {number}", exploring)
        assert (again.asked.action, again.propensity) == (draw.asked.action, draw.propensity)


@pytest.mark.parametrize(
    ("issue", "explores"),
    [
        (P3, True),
        (P3.model_copy(update={"dk_priority": "P2", "tags": ("lab:planner_explore",)}), True),
        *((P3.model_copy(update={"dk_priority": priority}), False) for priority in ("P0", "P1", "P2")),
    ],
)
def test_only_issues_that_are_open_to_it_are_explored(issue: Issue, explores: bool) -> None:
    exploring = _exploring(1.0)
    inference = planner_with(HeadsModel(SURE), _settings("shadow"))
    draws = [_decide(issue, inference, f"title {n}", exploring) for n in range(60)]
    assert {draw.explored for draw in draws} == {explores}
    assert {draw.record["policy_trace"]["exploration"]["enabled"] for draw in draws} == {explores}
    assert (len({draw.asked.action for draw in draws}) > 1) is explores


def test_around_an_enforced_decision_only_reductions_and_the_decision_are_drawn() -> None:
    inference = planner_with(HeadsModel(SURE), _settings())
    low = P3.model_copy(update={"dk_risk": "low"})
    exploring = _exploring(1.0)
    draws = {_decide(low, inference, f"title {n}", exploring).asked.action for n in range(200)}
    heuristic = baseline_action("low", "M", "code")
    assert SURES_CHOICE in draws
    assert all(action == SURES_CHOICE or is_reduction(action, heuristic) for action in draws)


def _broken(bundle: Path) -> None:
    (bundle / "model.onnx").write_bytes(b"no model")


def _swapped(bundle: Path) -> None:
    (bundle / "config.json").write_text("{}")


@pytest.mark.parametrize(
    ("spoil", "epoch", "reason"),
    [
        (shutil.rmtree, None, "model_unavailable"),
        (_broken, None, "model_unavailable"),
        (_swapped, None, "model_unavailable"),
        (lambda _bundle: None, "another", "epoch_mismatch"),
    ],
)
def test_a_bundle_that_cannot_decide_leaves_the_heuristics_and_the_reason(
    small_bundle: Path, tmp_path: Path, spoil: Callable[[Path], None], epoch: str | None, reason: str
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(small_bundle, bundle)
    spoil(bundle)
    inference = PlannerInference(read_planner_config({"model": {"path": str(bundle)}}), epoch=epoch)
    decision = _decide(Issue(id="i", dk_risk="low", dk_size="S"), inference)
    assert (decision.asked.action, decision.policy_id) == (Action(SERIAL, 1, 30, NA), POLICY_ID)
    assert decision.record["planner_action"]["reason"] == reason
    assert decision.record["held_back"] == reason


def test_a_model_that_hangs_holds_no_decision_longer_than_its_timeout() -> None:
    latch = Latch()
    config = read_planner_config({"model": {"path": "b"}, "inference": {"timeout_ms": 50}})
    inference = planner_with(HeadsModel(SURE, latch), config)
    began = monotonic()
    decisions = [_decide(Issue(id=f"i{n}"), inference) for n in range(20)]
    assert monotonic() - began < 50  # the latch holds for 60
    latch.opened.set()
    assert {each.record["planner_action"]["reason"] for each in decisions} == {"inference_timeout"}
    assert {each.policy_id for each in decisions} == {POLICY_ID}


_ERRORS = (ValueError, KeyError, MemoryError, RecursionError, SystemExit, KeyboardInterrupt, UnicodeError)
_issues = st.builds(
    Issue,
    id=st.text(min_size=1, max_size=8),
    title=st.text(max_size=30),
    description=st.text(max_size=60),
    tags=st.lists(
        st.text(max_size=12) | st.sampled_from(["asset:world", "asset:", "lab:planner_explore"])
    ).map(tuple),
    dk_priority=st.sampled_from(PRIORITIES),
    dk_risk=st.sampled_from(RISKS),
    dk_size=st.sampled_from(SIZES),
    dk_tool_hint=st.none() | st.text(max_size=5),
    dk_attempts=st.integers(-(2**40), 2**70),
    dk_speculate=st.booleans(),
)
_logits = st.lists(st.floats(width=32), min_size=17, max_size=17).map(np.array) | st.just(np.zeros(3))


@settings(max_examples=150)
@given(_issues, _logits, st.none() | st.sampled_from(_ERRORS), st.integers(0, 3), st.booleans())
def test_whatever_the_issue_and_whatever_the_model_does_there_is_a_valid_decision(
    issue: Issue, logits: Any, error: type[BaseException] | None, rule: int, explores: bool
) -> None:
    def before() -> None:
        if error is not None:
            raise error("odd")

    model = HeadsModel(SURE, before)
    inference = planner_with(model)
    model._logits = logits
    routing = [[], [{"speculate": True}], [{"speculate": False}], [{"speculate": True, "parallelism": 3}]][
        rule
    ]
    exploration = {"enabled": explores, "epsilon": 0.9}
    config = BenchConfig.model_validate({"routing": routing, "stream": {"exploration": exploration}})
    decision = _decide(issue, inference, issue.title, config)
    assert is_valid(decision.asked.action, issue.job_type)
    assert 0 < decision.propensity <= 1
    parse_document(PlannerActionDocument, decision.record["planner_action"])
    parse_document(PlannerPolicyTrace, decision.record["policy_trace"])


def _row(n: int, mode: str = "log", reason: str = "", agrees: bool = False) -> DecisionCount:
    abstains = reason != "" and not reason.startswith("capped")
    return DecisionCount(mode, reason, abstains, agrees, mode == "off", n)


def test_the_queue_counts_reasons_and_shares_agreement_over_the_models_own_decisions() -> None:
    rows = [
        _row(3, agrees=True),
        _row(1),
        _row(2, reason="low_confidence_0.412", agrees=True),
        _row(3, reason="low_confidence_0.199,capped_minutes_from_120", agrees=True),
        _row(1, reason="inference_timeout", agrees=True),
        _row(7, mode="off", reason="planner_disabled", agrees=True),
    ]
    random.Random(1).shuffle(rows)
    assert decisions_view(rows) == {
        "decisions": 17,
        "asked": 10,
        "fallback_rate": 0.6,
        "agreement": 0.75,
        "explored": 7,
        "reasons": {"low_confidence": 5, "capped_minutes_from_120": 3, "inference_timeout": 1},
    }


def test_where_a_model_never_decided_it_agreed_with_nothing() -> None:
    view = decisions_view([_row(4, reason="model_unavailable", agrees=True)])
    assert (view["fallback_rate"], view["agreement"]) == (1.0, None)
