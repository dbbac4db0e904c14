"""The action space is the contract's, and the baseline always answers with a valid action."""

import json
from itertools import product

import pytest

from planner.actions import (
    CANDIDATE_BINS,
    ITERATION_BINS,
    JOB_TYPES,
    MINUTE_BINS,
    NA,
    SWARM_IDS,
    Action,
    JobType,
    action_space_document,
    all_cells,
    canonical_rank,
    is_valid,
    nearest_bin,
    valid_actions,
)
from planner.errors import PlannerError
from planner.space.baseline import baseline_action, clamp_action


def test_the_space_has_240_different_cells() -> None:
    assert len(set(all_cells())) == len(all_cells()) == 240


@pytest.mark.parametrize(("job_type", "valid"), [("code", 30), ("fab-asset", 150), ("fab-world", 120)])
def test_valid_actions_are_pinned_per_job_type(job_type: JobType, valid: int) -> None:
    assert len(valid_actions(job_type)) == valid


@pytest.mark.parametrize("job_type", JOB_TYPES)
def test_validity_is_what_the_three_rules_say(job_type: JobType) -> None:
    def by_hand(action: Action) -> bool:
        swarm, candidates, _, iterations = action
        return not (
            (swarm == "serial_handoff" and candidates != 1)
            or (job_type == "code" and iterations != NA)
            or (job_type == "fab-world" and candidates == NA)
        )

    assert [is_valid(a, job_type) for a in all_cells()] == [by_hand(a) for a in all_cells()]


def test_canonical_order_is_swarm_then_bins_ascending_with_na_last() -> None:
    def key(action: Action) -> tuple[object, ...]:
        return (action.swarm_id, *(float("inf") if b == NA else b for b in action[1:]))

    cells = all_cells()
    assert list(cells) == sorted(cells, key=key)
    assert [canonical_rank(a) for a in cells] == list(range(240))


def test_actions_outside_the_space_are_not_valid() -> None:
    assert not is_valid(Action("swarm_of_bees", 1, 15, NA), "code")
    assert not is_valid(Action("serial_handoff", 1, 20, NA), "code")


def test_an_unknown_job_type_is_refused_with_the_known_ones() -> None:
    with pytest.raises(PlannerError, match=r"unknown job type 'cooking'; known: code, fab-asset, fab-world"):
        valid_actions("cooking")


def test_the_action_space_document_survives_json_and_states_rules_by_machine() -> None:
    document = action_space_document()
    assert json.loads(json.dumps(document)) == document
    assert [rule["then"] for rule in document["validity_rules"]] == [
        {"max_candidates_bin": 1},
        {"max_iterations_bin": NA},
        {"max_candidates_bin_not": NA},
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, NA),
        (0, 15),
        (22.5, 15),
        (22.6, 30),
        (37.5, 30),
        (52.5, 45),
        (90, 60),
        (90.01, 120),
        (10_000, 120),
    ],
)
def test_nearest_bin_takes_the_lower_on_a_tie_and_null_is_na(value: float | None, expected: object) -> None:
    assert nearest_bin(value, MINUTE_BINS) == expected


def test_nearest_iterations_between_three_and_five_is_three() -> None:
    assert nearest_bin(4, ITERATION_BINS) == 3


@pytest.mark.parametrize(
    ("risk", "size", "expected"),
    [
        ("critical", "XS", Action("speculate_vote", 3, 15, NA)),
        ("high", "XL", Action("speculate_vote", 3, 120, NA)),
        ("medium", "L", Action("speculate_vote", 2, 60, NA)),
        ("low", "XL", Action("speculate_vote", 2, 120, NA)),
        ("medium", "M", Action("serial_handoff", 1, 45, NA)),
        ("low", "S", Action("serial_handoff", 1, 30, NA)),
        (None, None, Action("serial_handoff", 1, 45, NA)),
        ("enormous", "XXL", Action("serial_handoff", 1, 45, NA)),
    ],
)
def test_the_baseline_follows_risk_then_size(risk: str | None, size: str | None, expected: Action) -> None:
    assert baseline_action(risk, size, "code") == expected


def test_the_baseline_is_valid_for_every_issue_and_job_type() -> None:
    risks, sizes = ("low", "medium", "high", "critical", None), ("XS", "S", "M", "L", "XL", None)
    for risk, size, job_type in product(risks, sizes, JOB_TYPES):
        assert is_valid(baseline_action(risk, size, job_type), job_type)


def test_clamping_makes_every_cell_valid_and_leaves_valid_ones_alone() -> None:
    for action, job_type in product(all_cells(), JOB_TYPES):
        clamped = clamp_action(action, job_type)
        assert is_valid(clamped, job_type)
        assert clamped == action or not is_valid(action, job_type)


def test_clamping_takes_numbers_to_their_bins() -> None:
    odd = Action("speculate_vote", 7, 20, 4)
    assert clamp_action(odd, "fab-asset") == Action("speculate_vote", 3, 15, 3)
    assert clamp_action(Action("unknown", 2, 50, NA), "code") == Action("serial_handoff", 1, 45, NA)


def test_bins_and_swarms_are_the_contracts() -> None:
    assert SWARM_IDS == ("serial_handoff", "speculate_vote")
    assert CANDIDATE_BINS == (1, 2, 3, NA)
    assert MINUTE_BINS == (15, 30, 45, 60, 120, NA)
    assert ITERATION_BINS == (1, 2, 3, 5, NA)


def test_a_document_of_the_space_can_be_changed_without_changing_the_rules() -> None:
    document = action_space_document()
    for rule in document["validity_rules"]:
        rule["if"].clear()
        rule["then"].clear()
    document["swarm_ids"].clear()
    assert action_space_document()["swarm_ids"]
    assert len(valid_actions("code")) == 30
    assert all(rule["if"] and rule["then"] for rule in action_space_document()["validity_rules"])
