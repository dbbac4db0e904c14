"""Flat arrays hold exactly what the examples say, and taking some is like encoding only those."""

import copy
import random
from itertools import pairwise
from math import log1p
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.actions import JOB_TYPES, Action, canonical_rank
from planner.dataset.agreement import near_duplicate_agreement
from planner.dataset.arrays import EncodedExamples, encode_examples, label_of
from planner.encoding.encoder import encode
from planner.encoding.layout import LAYOUT_V2
from planner.space.baseline import baseline_action
from tests.fixtures.planner_examples import example, examples, label_action

FIFTY = examples(50, seed=5)
ENCODED = encode_examples(FIFTY)


def rows(flat: np.ndarray[Any, Any], offsets: np.ndarray[Any, Any]) -> list[list[Any]]:
    return [flat[start:end].tolist() for start, end in pairwise(offsets)]


def test_each_example_keeps_its_positions_label_and_names() -> None:
    assert len(ENCODED) == 50
    assert rows(ENCODED.positions, ENCODED.offsets) == [encode(e["planner_input"]).positions for e in FIFTY]
    assert [JOB_TYPES[index] for index in ENCODED.job_types] == [
        e["planner_input"]["job_type"] for e in FIFTY
    ]
    assert ENCODED.hard_cells.tolist() == [canonical_rank(label_of(each)) for each in FIFTY]
    assert ENCODED.run_ids == [each["run_id"] for each in FIFTY]
    issues = [each["planner_input"]["issue"] for each in FIFTY]
    assert ENCODED.issue_ids == [issue["issue_id"] for issue in issues]
    assert (ENCODED.risks, ENCODED.sizes) == (
        [issue["dk_risk"] for issue in issues],
        [issue["dk_size"] for issue in issues],
    )
    assert ENCODED.baseline_cells.tolist() == [
        canonical_rank(
            baseline_action(each["dk_risk"], each["dk_size"], JOB_TYPES[ENCODED.job_types[position]])
        )
        for position, each in enumerate(issues)
    ]


def test_a_soft_label_is_kept_and_a_hard_one_has_all_the_weight() -> None:
    cells = rows(ENCODED.target_cells, ENCODED.target_offsets)
    weights = rows(ENCODED.target_weights, ENCODED.target_offsets)
    assert any("soft_label" in each for each in FIFTY)
    for position, each in enumerate(FIFTY):
        soft = each.get("soft_label")
        if soft:
            assert cells[position] == [canonical_rank(Action(*target["action"])) for target in soft]
            assert weights[position] == pytest.approx([target["weight"] for target in soft])
        else:
            assert (cells[position], weights[position]) == ([ENCODED.hard_cells[position]], [1.0])


def test_outcomes_stand_by_example_with_unknown_cost_as_nan() -> None:
    outcomes = ENCODED.outcomes
    tried = [
        (position, each) for position, document in enumerate(FIFTY) for each in document.get("candidates", ())
    ]
    assert len(outcomes) == len(tried) > 0
    for row, (position, each) in enumerate(tried):
        outcome = each["outcome"]
        assert outcomes.example[row] == position
        assert outcomes.cell[row] == canonical_rank(Action(*each["action"]))
        assert outcomes.passed[row] == (outcome["status"] == "success")
        assert outcomes.timed_out[row] == (outcome["status"] == "timeout")
        assert outcomes.log_duration[row] == pytest.approx(log1p(outcome["duration_ms"]))
        assert np.isnan(outcomes.cost[row]) == (outcome["cost_usd"] is None)
        assert (outcomes.propensity[row], outcomes.replicate[row]) == (each["propensity"], each["replicate"])


def same(left: EncodedExamples, right: EncodedExamples) -> None:
    for name in EncodedExamples.__slots__:
        a, b = getattr(left, name), getattr(right, name)
        if name == "outcomes":
            for column in type(a).__slots__:
                np.testing.assert_array_equal(getattr(a, column), getattr(b, column), err_msg=column)
                assert getattr(a, column).dtype == getattr(b, column).dtype
        elif isinstance(a, list):
            assert a == b
        else:
            np.testing.assert_array_equal(a, b, err_msg=name)
            assert a.dtype == b.dtype


def test_a_wait_for_a_provider_is_no_part_of_the_duration_that_is_learned() -> None:
    document = copy.deepcopy(next(each for each in FIFTY if each.get("candidates")))
    outcome = document["candidates"][0]["outcome"]
    outcome["provider_wait_ms"] = outcome["duration_ms"] // 3
    learned = encode_examples([document]).outcomes.log_duration[0]
    assert learned == pytest.approx(log1p(outcome["duration_ms"] - outcome["provider_wait_ms"]))


@settings(max_examples=40)
@given(st.lists(st.integers(0, 49), max_size=30))
def test_taking_examples_is_encoding_only_those(places: list[int]) -> None:
    taken = ENCODED.take(np.array(places, dtype=np.int64))
    same(taken, encode_examples([FIFTY[position] for position in places]))


def test_a_mask_takes_what_it_marks() -> None:
    mask = np.arange(50) % 3 == 0
    same(ENCODED.take(mask), ENCODED.take(np.flatnonzero(mask)))


def test_the_layout_with_keywords_adds_positions_and_changes_none() -> None:
    wider = encode_examples(FIFTY, LAYOUT_V2)
    first, second = rows(ENCODED.positions, ENCODED.offsets), rows(wider.positions, wider.offsets)
    assert all(b[: len(a)] == a and len(b) > len(a) for a, b in zip(first, second, strict=True))


def _labelled(minutes: list[int], **issue: Any) -> list[dict[str, Any]]:
    """Examples of one issue with other histories and other labels."""
    return [
        example(
            random.Random(position),
            job_type="code",
            issue={"dk_risk": "low", "dk_priority": "P2", "dk_size": "S", "tags": ["a"], "dk_attempts": 0}
            | {"dk_tool_hint": None, "issue_id": f"i{position}"}
            | issue,
            label_action=label_action(
                Action("serial_handoff", 1, each, "NA"), "2026-01-01T00:00:00Z", "x", "executed"
            ),
        )
        for position, each in enumerate(minutes)
    ]


def test_near_duplicates_agree_pair_by_pair_whatever_their_histories() -> None:
    agreement = near_duplicate_agreement(encode_examples(_labelled([15, 15, 15, 30])))
    assert agreement == (3 / 6, 6)


def test_issues_that_differ_in_what_is_seen_are_no_duplicates() -> None:
    mixed = [*_labelled([15, 15]), *_labelled([30], dk_risk="high"), *_labelled([45], tags=["b"])]
    assert near_duplicate_agreement(encode_examples(mixed)) == (1.0, 1)
    assert near_duplicate_agreement(encode_examples(_labelled([15]))) == (None, 0)
