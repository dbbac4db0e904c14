"""The quick hash is the hash of the contract, whatever was hashed before."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.documents.planner_input import input_hash
from planner.encoding.input_hash import hash_of
from tests.fixtures.planner_examples import planner_input

LEAF = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from([0.0, -0.0, 1.0, 1.5])
    | st.text(max_size=2)
)
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
)
RUNS = st.fixed_dictionaries({"last_n_similar_runs": st.lists(JSON, max_size=4)})


@given(st.integers(0, 300))
def test_real_inputs(seed: int) -> None:
    document = planner_input(random.Random(seed))
    assert hash_of(document) == input_hash(document)


@given(
    st.fixed_dictionaries({"history": RUNS | JSON, "action_space": JSON, "issue": JSON, "created_at": JSON})
)
def test_any_json_in_the_places_that_are_remembered(document: dict[str, Any]) -> None:
    assert _or_error(hash_of, document) == _or_error(input_hash, document)


def _or_error(function: Any, document: Any) -> Any:
    try:
        return function(document)
    except UnicodeEncodeError:
        return "no text of UTF-8"


def test_values_that_are_equal_in_python_but_not_in_json_are_told_apart() -> None:
    documents = [{"action_space": {"bins": [value]}} for value in (1, 1.0, True)]
    assert len({hash_of(document) for document in documents}) == 3
    assert [hash_of(d) for d in documents] == [input_hash(d) for d in documents]


def test_the_order_of_keys_and_the_time_of_asking_change_nothing() -> None:
    document = planner_input(random.Random(3))
    turned = {key: document[key] for key in reversed(document)}
    turned["history"] = {
        "last_n_similar_runs": [
            dict(reversed(run.items())) for run in document["history"]["last_n_similar_runs"]
        ]
    }
    assert hash_of(turned | {"created_at": "2020-01-01T00:00:00Z"}) == hash_of(document)


def test_what_is_no_json_is_an_error_wherever_it_stands() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for value, error in ((float("nan"), ValueError), (object(), TypeError), (endless, RecursionError)):
        for field in ("action_space", "issue"):
            with pytest.raises(error):
                hash_of({field: value})
