"""Lossless edit of top-level members of a JSON object: all characters but those of the changed values are kept."""

import json
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

_SPACE: Final = re.compile(r"[ \t\n\r]*")
# The values are only skipped: a number is not computed, however long it is.
_SKIPPER: Final = json.JSONDecoder(parse_float=str, parse_int=str)


class JsonMember(NamedTuple):
    """The place of one key and its value in a text, in characters."""

    key: str
    key_start: int
    key_end: int
    value_start: int
    value_end: int


def members(text: str, start: int = 0) -> list[JsonMember]:
    """The members of the object that begins at the first brace from `start`, in their order, doubled keys included.

    Raises `ValueError` where that is no JSON object.
    """
    at = _after_space(text, text.index("{", start) + 1)
    result: list[JsonMember] = []
    while text[at : at + 1] != "}":
        if result:
            at = _after_space(text, _after(text, at, ","))
        _after(text, at, '"')
        key, key_end = _SKIPPER.raw_decode(text, at)
        value_start = _after_space(text, _after(text, _after_space(text, key_end), ":"))
        _, value_end = _SKIPPER.raw_decode(text, value_start)
        result.append(JsonMember(key, at, key_end, value_start, value_end))
        at = _after_space(text, value_end)
    return result


def literal_of(text: str, key: str, start: int = 0) -> str | None:
    """The value of `key` as it is written; of a doubled key the last one, which readers take. None: no such key."""
    literals = [text[m.value_start : m.value_end] for m in members(text, start) if m.key == key]
    return literals[-1] if literals else None


def edited_object(text: str, literals: Mapping[str, str], start: int = 0) -> str:
    """`text` with JSON literals as the values of these keys of the object that begins at the first brace.

    A key that the object lacks is added at its end, with the separators that its first members have.

    Raises `ValueError` where there is no JSON object, or one without members.
    """
    present = members(text, start)
    if not present:
        raise ValueError("an object without members")
    last = {member.key: member for member in present}
    changes = [
        (member.value_start, member.value_end, literals[key])
        for key, member in last.items()
        if key in literals
    ]
    comma, colon = _separators(text, present)
    added = "".join(
        f"{comma}{json.dumps(key)}{colon}{literal}" for key, literal in literals.items() if key not in last
    )
    end = present[-1].value_end
    changes.append((end, end, added))
    for begin, stop, literal in sorted(changes, reverse=True):
        text = text[:begin] + literal + text[stop:]
    return text


def _separators(text: str, present: list[JsonMember]) -> tuple[str, str]:
    first = present[0]
    colon = text[first.key_end : first.value_start]
    if len(present) > 1:
        return text[first.value_end : present[1].key_start], colon
    return ", " if colon.endswith(" ") else ",", colon


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return at if match is None else match.end()


def _after(text: str, at: int, character: str) -> int:
    if text[at : at + 1] != character:
        raise ValueError(f"no {character} at character {at}")
    return at + 1
