"""The encoder against a plain one, bit by bit, over whatever a valid document may hold."""

import copy
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from planner.documents.base import parse_document
from planner.documents.planner_input import PlannerInput
from planner.encoding.encoder import MAX_POSITIONS, dense, encode
from planner.encoding.layout import LAYOUT_V2, LAYOUT_V3, N_FEATURES
from tests.fixtures.plain_encoder import PlainEncoder
from tests.fixtures.planner_input_strategies import planner_inputs

Json = dict[str, Any]


@settings(max_examples=150)
@given(planner_inputs)
def test_every_valid_document_is_encoded_as_the_table_says(document: Json) -> None:
    parse_document(PlannerInput, document)
    plain = PlainEncoder()
    positions, unknown = encode(document)
    assert positions == plain.encode(document)
    assert unknown == plain.unknown
    assert len(positions) <= MAX_POSITIONS


@settings(max_examples=50)
@given(planner_inputs, st.randoms(use_true_random=False))
def test_order_of_keys_and_runs_and_what_the_layout_does_not_name_change_nothing(
    document: Json, lot: random.Random
) -> None:
    other = _shuffled(document, lot)
    other["universe_id"] += "x"
    other["issue"].update(issue_id="other", title="t", whatever=[1])
    for run in other["history"]["last_n_similar_runs"]:
        run.update(tags=["other"], issue_id="other", tokens_in=7)
    ties = {(run["started_ms"], run["run_id"]) for run in document["history"]["last_n_similar_runs"]}
    if len(ties) == len(document["history"]["last_n_similar_runs"]):
        lot.shuffle(other["history"]["last_n_similar_runs"])
    before = copy.deepcopy(other)
    assert encode(other) == encode(document)
    assert other == before


@settings(max_examples=50)
@given(planner_inputs)
def test_version_2_adds_keywords_behind_version_1(document: Json) -> None:
    positions, unknown = encode(document, LAYOUT_V2)
    old = [position for position in positions if position < N_FEATURES]
    assert (old, unknown) == encode(document)
    assert positions == sorted(set(positions))
    assert all(position < LAYOUT_V2.size for position in positions)
    assert len(positions) <= LAYOUT_V2.max_positions


@settings(max_examples=50)
@given(planner_inputs)
def test_version_3_adds_older_runs_behind_version_1(document: Json) -> None:
    positions, unknown = encode(document, LAYOUT_V3)
    short = encode(document)
    assert [position for position in positions if position < N_FEATURES] == short.positions
    assert unknown >= short.unknown
    assert positions == sorted(set(positions))
    assert all(position < LAYOUT_V3.size for position in positions)
    assert len(positions) <= LAYOUT_V3.max_positions


@settings(max_examples=20)
@given(planner_inputs)
def test_the_dense_form_has_ones_exactly_at_the_positions(document: Json) -> None:
    positions = encode(document).positions
    features = dense(positions)
    assert features.shape == (N_FEATURES,)
    assert features.dtype == "float32"
    assert features.nonzero()[0].tolist() == positions
    assert features.sum() == len(positions)


def _shuffled(value: Any, lot: random.Random) -> Any:
    """The same JSON with the keys of every object in another order."""
    if isinstance(value, dict):
        items = list(value.items())
        lot.shuffle(items)
        return {key: _shuffled(inner, lot) for key, inner in items}
    return [_shuffled(inner, lot) for inner in value] if isinstance(value, list) else value
