"""The draw of a stream's decision is read back from its record, however the decision came about."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.config.models import BenchConfig
from bench.config.routing import first_match
from bench.experiment.logged_draw import logged_draw, predicted_action
from bench.intake.issue import RISKS, SIZES, Issue
from bench.stream.decision import Decision, plan_issue
from bench.stream.dispatch import heuristic_action
from bench.submit.inputs import planner_input
from planner.actions import NA, SERIAL, SPECULATE, Action
from planner.documents.base import hash_without_time
from planner.host.config import PlannerConfig, read_planner_config
from planner.inference import PlannerInference
from tests.fixtures.stand_in_models import PATIENT, SURE, HeadsModel, planner_with

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SURES_CHOICE = Action(SPECULATE, 3, 60, NA)
MODES = ("disabled", "shadow", "enabled", "forced")


def _config(epsilon: float, **exploration: Any) -> BenchConfig:
    rule = {"match": {"dk_risk": ["critical"]}, "speculate": True, "parallelism": 3}
    block = {"enabled": True, "epsilon": epsilon, "priorities": ["P1"], **exploration}
    return BenchConfig.model_validate({"routing": [rule], "stream": {"exploration": block}})


def _planner(mode: str) -> PlannerConfig:
    flags: dict[str, Any] = {"shadow_mode": mode == "shadow"}
    if mode == "forced":
        flags["force_swarm"] = SERIAL
    block = {"enabled": mode != "disabled", "model": {"path": "bundle"}, "flags": flags}
    return replace(read_planner_config(block), inference=PATIENT)


PLANNERS = {mode: planner_with(HeadsModel(SURE), _planner(mode)) for mode in MODES}


def _decide(issue: Issue, config: BenchConfig, inference: PlannerInference) -> Decision:
    document = planner_input(issue, NOW, [], None)
    return plan_issue(issue, document, hash_without_time(document), config, inference, {})


def _without_drawing(issue: Issue, inference: PlannerInference) -> Action:
    return _decide(issue, _config(0.0), inference).asked.action


@settings(max_examples=200, deadline=None)
@given(
    mode=st.sampled_from(MODES),
    risk=st.sampled_from(RISKS),
    size=st.sampled_from(SIZES),
    speculate=st.booleans(),
    title=st.text("abcdef", min_size=1, max_size=6),
    epsilon=st.sampled_from((0.1, 0.9, 1.0)),
)
def test_choice_heuristics_and_propensity_are_those_of_the_decision(
    mode: str, risk: Any, size: Any, speculate: bool, title: str, epsilon: float
) -> None:
    issue = Issue(id="i", title=title, dk_priority="P1", dk_risk=risk, dk_size=size, dk_speculate=speculate)
    config, inference = _config(epsilon), PLANNERS[mode]
    decision = _decide(issue, config, inference)
    draw = logged_draw(decision.record, decision.asked.action, "code")
    assert draw is not None
    assert draw.choice == _without_drawing(issue, inference)
    assert draw.heuristic == heuristic_action(issue, first_match(config.routing, issue)).action
    assert draw.probabilities[decision.asked.action] == pytest.approx(decision.propensity, abs=1e-12)
    assert sum(draw.probabilities.values()) == pytest.approx(1)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", SIZES)
def test_a_record_of_before_the_heuristics_were_stored_still_names_them(mode: str, size: Any) -> None:
    """Where another swarm can be drawn; on one chain of budgets no record shows which of two bounds it."""
    config, inference = _config(0.5), PLANNERS[mode]
    issue = Issue(id="i", dk_priority="P1", dk_risk="high", dk_size=size)
    decision = _decide(issue, config, inference)
    older = {key: value for key, value in decision.record.items() if key != "heuristic"}
    draw = logged_draw(older, decision.asked.action, "code")
    assert draw is not None
    assert draw == logged_draw(decision.record, decision.asked.action, "code")


def test_what_was_not_drawn_is_no_draw() -> None:
    issue = Issue(id="i", dk_priority="P1", dk_risk="low", dk_size="S")
    inference = PLANNERS["enabled"]
    for config in (_config(0.0), _config(0.5, enabled=False), _config(0.5, priorities=["P3"])):
        decision = _decide(issue, config, inference)
        assert logged_draw(decision.record, decision.asked.action, "code") is None
    assert logged_draw(None, SURES_CHOICE, "code") is None


def test_the_prediction_is_kept_in_shadow_mode() -> None:
    issue = Issue(id="i", dk_priority="P1", dk_risk="low", dk_size="S")
    decision = _decide(issue, _config(0.5), PLANNERS["shadow"])
    assert predicted_action(decision.record) == SURES_CHOICE
