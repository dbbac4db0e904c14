"""Examples and summaries are documents of the contract, the same for any order of rows."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.experiment.estimates import ArmOutcome, ReplicateOutcome
from bench.experiment.labels import (
    BenchFacts,
    BenchTotals,
    LabelRow,
    SoftLabel,
    build_example,
    build_summary,
)
from bench.experiment.regret import regret, summarise
from bench.experiment.winners import CaseVerdict, WinnerRule, select_winner
from planner.actions import Action, action_space_document
from planner.documents.bench import BestOfKExample
from planner.documents.soft_label import soft_heads
from planner.errors import PlannerError

SERIAL, PAIR, TRIO = (
    Action("serial_handoff", 1, 30, "NA"),
    Action("speculate_vote", 2, 30, "NA"),
    Action("speculate_vote", 3, "NA", "NA"),
)
ROWS = (
    LabelRow(PAIR, 0.25, 0, "success", 900, 1_500),
    LabelRow(SERIAL, 1.0, 0, "success", 900, None),
    LabelRow(TRIO, 0.5, 1, "failed", 100, 0, ("test",)),
    LabelRow(TRIO, 0.5, 0, "error", 1, None),
)
INPUT: dict[str, Any] = {
    "schema_version": "cyntra.planner_input.v1",
    "created_at": "2026-08-01T12:00:00Z",
    "universe_id": "default",
    "job_type": "code",
    "universe_defaults": {},
    "issue": {
        "issue_id": "42",
        "dk_priority": "P1",
        "dk_risk": "high",
        "dk_size": "M",
        "dk_tool_hint": None,
        "dk_attempts": 0,
        "tags": [],
    },
    "history": {"last_n_similar_runs": []},
    "action_space": action_space_document(),
    "system_state": None,
}


def verdict_of(rows: tuple[LabelRow, ...]) -> CaseVerdict:
    arms: dict[Action, list[ReplicateOutcome]] = {}
    for row in rows:
        outcome = ReplicateOutcome(row.status, row.duration_ms, row.micro_usd, len(row.fail_codes))
        arms.setdefault(row.action, []).append(outcome)
    return select_winner(
        [ArmOutcome(action, tuple(outcomes)) for action, outcomes in arms.items()], WinnerRule()
    )


def example(
    rows: tuple[LabelRow, ...] = ROWS,
    planner_input: dict[str, Any] | None = None,
    weights: SoftLabel = ((SERIAL, 0.5), (PAIR, 0.25), (TRIO, 0.25)),
    repo: str | None = None,
) -> BestOfKExample | None:
    return build_example(
        bench=BenchFacts("b-1", "hash", 4, "coverage", 42),
        issue_id="42",
        created_at="2026-08-01T13:00:00Z",
        planner_input=planner_input or INPUT,
        input_hash="ab",
        rows=rows,
        verdict=verdict_of(rows),
        weights=weights,
        repo=repo,
    )


def test_the_label_is_the_winner_with_the_probabilities_of_being_best_head_by_head() -> None:
    built = example()
    assert built is not None
    label = built.label_action
    assert label.action() == SERIAL
    assert (label.label_source, label.confidence, label.input_hash) == ("best_of_k", 0.5, "ab")
    assert label.probs == {
        "swarm": [0.5, 0.5],
        "candidates": [0.5, 0.25, 0.25, 0.0],
        "minutes": [0.0, 0.75, 0.0, 0.0, 0.0, 0.25],
        "iterations": [0.0, 0.0, 0.0, 0.0, 1.0],
    }


def test_the_repository_is_named_where_it_is_known() -> None:
    known, unknown = example(repo="https://example.org/depot.git"), example()
    assert known is not None
    assert unknown is not None
    assert known.bench_metadata.repo == "https://example.org/depot.git"
    assert "repo" not in unknown.document()["bench_metadata"]


def test_a_wait_for_a_provider_is_written_beside_the_duration_where_there_was_one() -> None:
    built = example((ROWS[0]._replace(provider_wait_ms=3), *ROWS[1:]))
    assert built is not None
    waits = [each.outcome.document().get("provider_wait_ms") for each in built.candidates]
    assert sorted(waits, key=str) == [3, None, None]
    assert {each.outcome.provider_wait_ms for each in built.candidates} == {0, 3}


def test_candidates_are_the_scored_executions_in_canonical_order() -> None:
    built = example()
    assert built is not None
    assert [(c.action, c.is_winner, c.replicate, c.propensity) for c in built.candidates] == [
        (list(SERIAL), True, 0, 1.0),
        (list(PAIR), False, 0, 0.25),
        (list(TRIO), False, 1, 0.5),
    ]
    assert [c.outcome.cost_usd for c in built.candidates] == [None, 0.0015, 0.0]
    assert [c.outcome.all_gates_passed for c in built.candidates] == [True, True, False]
    selection = built.bench_metadata.winner_selection.document()
    assert selection["candidates_evaluated"] == 3
    assert selection["candidates_passed_constraints"] == 2
    assert selection["soft_label"] == [
        {"action": list(SERIAL), "weight": 0.5},
        {"action": list(PAIR), "weight": 0.25},
        {"action": list(TRIO), "weight": 0.25},
    ]


def test_a_winner_that_no_draw_found_best_has_no_confidence() -> None:
    built = example(weights=((PAIR, 1.0),))
    assert built is not None
    assert (built.label_action.action(), built.label_action.confidence) == (SERIAL, 0.0)


@given(st.randoms(use_true_random=False))
def test_no_order_of_rows_changes_the_example(lot: random.Random) -> None:
    assert example(tuple(lot.sample(ROWS, len(ROWS)))) == example()


def test_a_case_without_a_passing_arm_gives_no_example() -> None:
    assert example(ROWS[2:]) is None


def test_a_broken_planner_input_is_refused_with_the_issue() -> None:
    broken = {**INPUT, "job_type": "cooking"}
    with pytest.raises(PlannerError, match=r"^example of issue 42: .*planner_input\.job_type"):
        example(planner_input=broken)


def test_weights_that_pass_one_by_a_bit_stay_probabilities() -> None:
    heads = soft_heads(
        [(Action("serial_handoff", 1, m, "NA"), 0.1 + 1e-17) for m in (15, 30, 45, 60, 120)] * 2
    )
    assert all(0 <= value <= 1 for values in heads.values() for value in values)


def test_the_summary_counts_cases_by_what_they_came_to() -> None:
    verdict = verdict_of(ROWS)
    summary = build_summary(
        bench_id="b-1",
        created_at="2026-08-01T13:00:00Z",
        config={"action_sampling": {"K": 4}},
        winners=[SERIAL, PAIR, None],
        totals=BenchTotals(9, 90_000, 250_000),
        policies=[summarise("heuristic_baseline", [regret(TRIO, verdict), regret(SERIAL, verdict)])],
        undecided=2,
        output_paths={"labels": "out/best_of_k_dataset.jsonl"},
    ).document()
    assert summary["statistics"] == {
        "total_issues": 5,
        "issues_with_winner": 2,
        "issues_no_passing_candidate": 1,
        "total_candidates_executed": 9,
        "total_execution_time_minutes": 1.5,
        "total_cost_usd": 0.25,
    }
    assert summary["winner_distribution"]["by_swarm"] == {"serial_handoff": 1, "speculate_vote": 1}
    assert summary["winner_distribution"]["by_max_candidates"] == {"1": 1, "2": 1, "3": 0, "NA": 0}
    assert summary["regret_analysis"]["policies"]["heuristic_baseline"] == {
        "cases": 2,
        "unobserved_share": 0.0,
        "missed_pass_rate": 0.5,
        "mean_duration_regret": 0.0,
        "mean_cost_regret": None,
        "mean_charged_micro_usd": 0,
    }
