"""An edited object keeps each character that is not part of a changed value."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.reporting.json_edit import edited_object, literal_of, members

_SPACES = st.text(" \t", max_size=2)
_KEYS = st.one_of(
    st.sampled_from(["id", "status", "notes", "updated", "a", "é", 'q"', "\\"]), st.text(max_size=5)
)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
_NUMBERS = st.sampled_from(["1.0", "1e5", "1E+2", "-0", "10000000000000000000000", "0.10", "2.50e-3"])


@st.composite
def _written(draw: st.DrawFn) -> tuple[str, list[tuple[str, str]]]:
    """An object as somebody may have written it, and its members as (key, literal)."""
    pairs, parts = [], []
    for key in draw(st.lists(_KEYS, min_size=1, max_size=6)):
        ascii_key, ascii_value = draw(st.booleans()), draw(st.booleans())
        literal = draw(_NUMBERS | _VALUES.map(lambda v, a=ascii_value: json.dumps(v, ensure_ascii=a)))  # type: ignore[misc]
        pairs.append((key, literal))
        before, colon, after, end = (draw(_SPACES) for _ in range(4))
        parts.append(f"{before}{json.dumps(key, ensure_ascii=ascii_key)}{colon}:{after}{literal}{end}")
    return f"{draw(_SPACES)}{{{','.join(parts)}}}{draw(_SPACES)}", pairs


@given(_written(), st.dictionaries(_KEYS, _VALUES, max_size=4))
def test_only_changed_values_change(
    written: tuple[str, list[tuple[str, str]]], changes: dict[str, Any]
) -> None:
    text, pairs = written
    literals = {key: json.dumps(value) for key, value in changes.items()}
    edited = edited_object(text, literals)
    assert json.loads(edited) == {**json.loads(text), **changes}
    last = {key: number for number, (key, _) in enumerate(pairs)}
    expected = [
        (key, literals[key] if key in literals and last[key] == number else literal)
        for number, (key, literal) in enumerate(pairs)
    ]
    added = [(key, literal) for key, literal in literals.items() if key not in last]
    assert [(m.key, edited[m.value_start : m.value_end]) for m in members(edited)] == [*expected, *added]
    if not literals:
        assert edited == text


@given(_written())
def test_a_value_that_is_replaced_by_itself_changes_nothing(
    written: tuple[str, list[tuple[str, str]]],
) -> None:
    text, pairs = written
    assert edited_object(text, dict(pairs)) == text


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ('{"a":1}', '{"a":1,"b":2}'),
        ('{"a": 1}', '{"a": 1, "b": 2}'),
        ('{"a" : 1 , "c" : 3 }', '{"a" : 1 , "c" : 3 , "b" : 2 }'),
        ('{\n  "a": 1,\n  "c": 3\n}', '{\n  "a": 1,\n  "c": 3,\n  "b": 2\n}'),
    ],
)
def test_a_new_member_is_written_as_the_others_are(text: str, edited: str) -> None:
    assert edited_object(text, {"b": "2"}) == edited


def test_a_doubled_key_is_changed_where_readers_read_it() -> None:
    assert edited_object('{"a":1,"a":2}', {"a": "3"}) == '{"a":1,"a":3}'
    assert literal_of('{"a":1,"a":2}', "a") == "2"
    assert literal_of("{}", "a") is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"a"', '{"a":}', '{"a":1', '{"a":1 "b":2}', "{'a':1}", '{"a":1,}']
)
def test_what_is_no_object_with_members_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        edited_object(text, {"a": "1"})


def test_a_number_of_any_length_is_only_skipped() -> None:
    digits = "9" * 5000
    assert edited_object(f'{{"n":{digits},"a":1}}', {"a": "2"}) == f'{{"n":{digits},"a":2}}'
    assert edited_object('{"n":1e999,"a":1}', {"a": "2"}) == '{"n":1e999,"a":2}'
