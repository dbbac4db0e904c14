"""Documents take what the contract names, refuse the rest in one line, and come back unchanged."""

import copy
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.actions import Action, action_space_document, all_cells
from planner.documents.base import Closed, parse_document, schema_version_of
from planner.documents.bench import BestOfKExample, PlannerBenchSummary
from planner.documents.planner_input import PlannerInput, RunSummary, input_hash
from planner.documents.plans import ExecutedPlan, PlannerActionDocument, PlannerPolicyTrace, label_document
from planner.documents.schema_files import DOCUMENTS, main, outdated, schema_files
from planner.errors import PlannerError
from planner.system.clock import rfc3339

RUN: dict[str, Any] = {
    "schema_version": "run_summary.v1",
    "run_id": "run-1",
    "started_ms": 1_785_000_000_000,
    "job_type": "code",
    "domain": "code",
    "action_executed": {
        "swarm_id": "serial_handoff",
        "max_candidates": 1,
        "max_minutes": 30,
        "max_iterations": None,
    },
    "outcome": {
        "status": "failed",
        "fail_codes": ["test"],
        "gates": [{"name": "test", "passed": False, "score": 0.5}, {"name": "lint", "passed": True}],
    },
    "runtime": {"duration_ms": 61_000},
    "cost_usd_est": 0.25,
    "tags": ["parser"],
}
INPUT: dict[str, Any] = {
    "schema_version": "cyntra.planner_input.v1",
    "created_at": "2026-08-01T12:00:00Z",
    "universe_id": "default",
    "job_type": "code",
    "universe_defaults": {"swarm_id": None},
    "issue": {
        "issue_id": "42",
        "dk_priority": "P1",
        "dk_risk": "high",
        "dk_size": "M",
        "dk_tool_hint": None,
        "dk_attempts": 0,
        "tags": ["parser"],
        "title": "Zeichen «ü» verschwindet",
        "keywords": ["zeichen"],
        "from_another_tracker": {"kept": True},
    },
    "history": {"last_n_similar_runs": [RUN]},
    "action_space": action_space_document(),
    "system_state": {
        "active_workcells_bin": "1-2",
        "queue_depth_bin": "0",
        "available_toolchains": ["repair"],
        "toolchain_health": {"repair": 0.9},
        "hour_bucket": "night",
        "budget_remaining_bin": "unlimited",
        "weather": "fine",
    },
}
ACTION: dict[str, Any] = {
    "schema_version": "cyntra.planner_action.v1",
    "created_at": "2026-08-01T12:00:00.123456Z",
    "swarm_id": "speculate_vote",
    "budgets": {"max_minutes_bin": 30, "max_candidates_bin": 2, "max_iterations_bin": "NA"},
    "probs": {"swarm": [0.25, 0.75]},
    "confidence": 0.75,
    "abstain_to_default": False,
    "model": {"checkpoint_id": "c1"},
    "input_hash": "ab",
    "label_source": "best_of_k",
}
PLAN: dict[str, Any] = {
    "schema_version": "cyntra.executed_plan.v1",
    "swarm_id_executed": "speculate_vote",
    "max_candidates_executed": 2,
    "timeout_seconds_executed": 1800,
    "max_iterations_executed": 2,
    "fallback_applied": True,
    "fallback_reason": "parallelism_reduced_from_3_to_2",
    "seconds_per_minute": 60.0,
}
TRACE: dict[str, Any] = {
    "schema_version": "cyntra.planner_policy_trace.v1",
    "policy_id": "coverage.1",
    "policy_mode": "enforce",
    "candidate_set_hash": "cd",
    "propensity_executed": 0.125,
    "exploration": {"enabled": True, "method": "coverage", "epsilon": None, "safe_set": None, "u": 0.5},
    "stability": {
        "kernel_config_hash": "1",
        "universe_hash": "2",
        "prompt_frontier_hash": "3",
        "toolchain_versions": {"repair": "1"},
    },
}
EXAMPLE: dict[str, Any] = {
    "schema_version": "cyntra.best_of_k_example.v1",
    "issue_id": "42",
    "run_id": "b:42",
    "created_at": "2026-08-01T12:00:00Z",
    "planner_input": INPUT,
    "label_action": ACTION,
    "candidates": [
        {
            "action": ["speculate_vote", 2, 30, "NA"],
            "outcome": {
                "status": "success",
                "duration_ms": 1,
                "cost_usd": None,
                "all_gates_passed": True,
                "fail_codes": [],
            },
            "is_winner": True,
            "propensity": 0.5,
            "replicate": 0,
        }
    ],
    "bench_metadata": {
        "bench_id": "b",
        "bench_config_hash": "h",
        "K": 4,
        "strategy": "coverage",
        "seed": 42,
        "winner_selection": {
            "primary_objective": "minimize_duration",
            "candidates_evaluated": 4,
            "candidates_passed_constraints": 1,
        },
    },
}
SUMMARY: dict[str, Any] = {
    "schema_version": "cyntra.planner_bench_summary.v1",
    "bench_id": "b",
    "created_at": "2026-08-01T12:00:00+00:00",
    "config": {"action_sampling": {"K": 4}},
    "statistics": {
        "total_issues": 2,
        "issues_with_winner": 1,
        "issues_no_passing_candidate": 1,
        "total_candidates_executed": 8,
        "total_execution_time_minutes": 1.5,
        "total_cost_usd": 0.25,
    },
    "winner_distribution": {
        "by_swarm": {"serial_handoff": 1},
        "by_max_candidates": {"1": 1},
        "by_max_minutes": {},
    },
    "regret_analysis": {},
    "output_paths": {},
}
SAMPLES: list[tuple[type[Closed], dict[str, Any]]] = [
    (PlannerInput, INPUT),
    (PlannerActionDocument, ACTION),
    (ExecutedPlan, PLAN),
    (RunSummary, RUN),
    (PlannerPolicyTrace, TRACE),
    (BestOfKExample, EXAMPLE),
    (PlannerBenchSummary, SUMMARY),
]
each_document = pytest.mark.parametrize(
    ("model", "sample"), SAMPLES, ids=[schema_version_of(model) for model, _ in SAMPLES]
)


def changed(sample: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(sample)
    *parents, last = path.split(".")
    node = document
    for part in parents:
        node = node[part]
    node[last] = value
    return document


def refusal(model: type[Closed], document: Any) -> str:
    with pytest.raises(PlannerError) as refused:
        parse_document(model, document)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_every_document_has_a_sample() -> None:
    assert {model for model, _ in SAMPLES} == set(DOCUMENTS)


@each_document
def test_a_document_comes_back_as_it_was(model: type[Closed], sample: dict[str, Any]) -> None:
    assert parse_document(model, json.loads(json.dumps(sample))).document() == sample


@each_document
def test_an_unknown_or_missing_version_is_refused_with_the_known_one(
    model: type[Closed], sample: dict[str, Any]
) -> None:
    known = schema_version_of(model)
    other = refusal(model, changed(sample, "schema_version", "cyntra.future.v9"))
    assert other == f"{known}: unknown schema_version 'cyntra.future.v9'; this reader knows '{known}' only"
    without = {key: value for key, value in sample.items() if key != "schema_version"}
    assert "no schema_version" in refusal(model, without)


@each_document
def test_every_required_field_is_named_when_it_is_missing(
    model: type[Closed], sample: dict[str, Any]
) -> None:
    required = json.loads(schema_files()[f"{schema_version_of(model)}.json"])["required"]
    assert "schema_version" in required
    for field in set(required) - {"schema_version"}:
        without = {key: value for key, value in sample.items() if key != field}
        assert f": {field}: Field required" in refusal(model, without)


@each_document
@pytest.mark.parametrize("other", [None, [], "text", 3])
def test_something_else_than_an_object_is_refused(
    model: type[Closed], sample: dict[str, Any], other: Any
) -> None:
    assert "a JSON object is needed" in refusal(model, other)


@pytest.mark.parametrize(
    ("model", "sample", "path", "value"),
    [
        (PlannerInput, INPUT, "surprise", 1),
        (PlannerInput, INPUT, "universe_defaults.surprise", 1),
        (PlannerInput, INPUT, "history.surprise", 1),
        (RunSummary, RUN, "surprise", 1),
        (PlannerActionDocument, ACTION, "surprise", 1),
        (PlannerActionDocument, ACTION, "budgets.surprise", 1),
        (PlannerActionDocument, ACTION, "model.surprise", 1),
    ],
)
def test_closed_places_refuse_unknown_keys(
    model: type[Closed], sample: dict[str, Any], path: str, value: Any
) -> None:
    assert f"{path}: Extra inputs are not permitted" in refusal(model, changed(sample, path, value))


@pytest.mark.parametrize(
    ("model", "sample", "path", "value"),
    [
        (PlannerInput, INPUT, "issue.dk_risk", "huge"),
        (PlannerInput, INPUT, "issue.dk_attempts", "3"),
        (PlannerInput, INPUT, "issue.dk_attempts", -1),
        (PlannerInput, INPUT, "issue.keywords", ["x"] * 17),
        (PlannerInput, INPUT, "job_type", "cooking"),
        (PlannerInput, INPUT, "created_at", "2026-08-01"),
        (PlannerInput, INPUT, "created_at", "2026-08-01T12:00:00"),
        (PlannerInput, INPUT, "created_at", "2026-08-01T12:00:00+02:00"),
        (PlannerInput, INPUT, "created_at", "2026-02-30T12:00:00Z"),
        (PlannerInput, INPUT, "created_at", 1_785_000_000),
        (PlannerActionDocument, ACTION, "budgets.max_minutes_bin", 20),
        (PlannerActionDocument, ACTION, "budgets.max_minutes_bin", True),
        (PlannerActionDocument, ACTION, "budgets.max_candidates_bin", None),
        (PlannerActionDocument, ACTION, "confidence", 1.5),
        (PlannerActionDocument, ACTION, "confidence", float("nan")),
        (ExecutedPlan, PLAN, "max_candidates_executed", 0),
        (ExecutedPlan, PLAN, "fallback_applied", "no"),
        (RunSummary, RUN, "outcome.status", "error"),
        (PlannerPolicyTrace, TRACE, "policy_mode", "maybe"),
        (PlannerPolicyTrace, TRACE, "propensity_executed", 2),
        (PlannerBenchSummary, SUMMARY, "statistics.total_issues", -1),
    ],
)
def test_a_wrong_value_is_named_with_its_path(
    model: type[Closed], sample: dict[str, Any], path: str, value: Any
) -> None:
    assert f": {path}: " in refusal(model, changed(sample, path, value))


def test_a_problem_inside_a_list_is_named_with_its_index_and_the_file() -> None:
    document = changed(EXAMPLE, "candidates", [EXAMPLE["candidates"][0], {"action": ["serial_handoff"]}])
    with pytest.raises(
        PlannerError, match=r"^labels.jsonl line 3: cyntra.best_of_k_example.v1: candidates\[1\]"
    ):
        parse_document(BestOfKExample, document, "labels.jsonl line 3")


def test_the_input_hash_ignores_the_time_and_the_order_of_keys_and_nothing_else() -> None:
    parsed = parse_document(PlannerInput, INPUT)
    assert input_hash(parsed) == input_hash(INPUT)
    assert input_hash(changed(INPUT, "created_at", "2027-01-01T00:00:00Z")) == input_hash(INPUT)
    assert input_hash(dict(reversed(INPUT.items()))) == input_hash(INPUT)
    assert input_hash(changed(INPUT, "issue.dk_attempts", 1)) != input_hash(INPUT)
    assert input_hash(changed(INPUT, "issue.from_another_tracker", None)) != input_hash(INPUT)


def test_the_input_hash_is_pinned_for_every_machine() -> None:
    assert input_hash(INPUT) == PINNED_HASH


PINNED_HASH = "6f4cf36d5c92da3ca9f1b2bd43a04b49aced983a36797492951b6d9703ed39e7"


@given(st.sampled_from(all_cells()))
def test_every_cell_survives_the_way_through_a_planner_action(action: Action) -> None:
    document = label_document(action, "2026-08-01T12:00:00Z", "0" * 64, "tested")
    assert parse_document(PlannerActionDocument, document).action() == action


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(SAMPLES), st.data())
def test_any_json_in_any_field_is_taken_or_refused_in_one_line(
    sample: tuple[type[Closed], dict[str, Any]], data: st.DataObject
) -> None:
    model, document = sample
    field = data.draw(st.sampled_from(sorted(document)))
    mutated = {**document, field: data.draw(json_values)}
    try:
        parsed = parse_document(model, mutated)
    except PlannerError as error:
        refused = str(error)
    else:
        refused = ""
        assert parsed.document() == mutated
    assert len(refused.splitlines()) <= 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, "\ud800"])
def test_what_json_cannot_say_is_refused_even_in_open_places(value: Any) -> None:
    assert "not a JSON value" in refusal(PlannerInput, changed(INPUT, "issue.extra", value))


@given(st.dictionaries(st.text().map("x-".__add__), json_values, max_size=3))
def test_open_places_keep_what_others_add(extra: dict[str, Any]) -> None:
    document = changed(INPUT, "issue", {**extra, **INPUT["issue"]})
    assert parse_document(PlannerInput, document).document() == document


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])))
def test_written_times_are_read_again(moment: datetime) -> None:
    document = changed(INPUT, "created_at", rfc3339(moment))
    assert parse_document(PlannerInput, document).created_at.endswith("Z")


def test_a_time_without_a_zone_is_not_written() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        rfc3339(datetime(2026, 1, 1))


def test_the_schema_files_in_the_package_equal_the_models() -> None:
    assert outdated() == []


def test_a_changed_missing_or_left_over_schema_file_is_named(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("planner.documents.schema_files.SCHEMA_DIRECTORY", tmp_path)
    assert main([]) == 0
    assert outdated(tmp_path) == []
    (tmp_path / "run_summary.v1.json").write_text("{}")
    (tmp_path / "cyntra.executed_plan.v1.json").unlink()
    (tmp_path / "old.json").write_text("{}")
    assert outdated(tmp_path) == ["cyntra.executed_plan.v1.json", "old.json", "run_summary.v1.json"]
    assert main([]) == 0
    assert outdated(tmp_path) == []
    assert main(["--chekc"]) == 2
    assert "known: --check" in capsys.readouterr().out
