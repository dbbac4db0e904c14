"""Scanner of JSON in any arrangement: lines, arrays, objects spread over lines, and pages of these one after another.

A value that cannot be parsed is returned as its error; scanning continues at the next line that begins an object.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from bench.intake.json_line import MalformedValueError, value_at

_NEXT: Final = re.compile(r"\n(?=[ \t]*[{\]])")
_MOST_REREAD: Final = 16
"""Times the length of a text that is parsed in vain before nested objects of a broken one are no longer tried."""
_BLANK: Final = re.compile(r"[ \t\r\n\ufeff]*")


class ScannedValue(NamedTuple):
    """A value, or why there is none, with the line of its first character from 1."""

    line: int
    value: Any
    error: str | None = None
    is_end: bool = False
    """Whether the error is that the text ends too early."""


def scan_values(text: str, *, flat: bool = True) -> Iterator[ScannedValue]:
    """The values of a text in order; with `flat` the elements of its outermost arrays in place of these.

    Its work is linear in the length of the text, whatever the text is.
    """
    position, line, counted, in_vain = 0, 1, 0, 0
    opened: list[int] = []
    while (position := _skip(text, position)) < len(text):
        line += text.count("\n", counted, position)
        counted = position
        if flat and text[position] in "[],":
            if text[position] == "[":
                opened.append(line)
            elif text[position] == "]" and opened:
                opened.pop()
            position += 1
            continue
        try:
            value, position = value_at(text, position)
        except MalformedValueError as error:
            in_vain += error.examined
            is_too_much = in_vain > _MOST_REREAD * len(text)
            after = _NEXT.search(text, position + error.examined - 1 if is_too_much else position)
            yield ScannedValue(line, None, _reason(text, position, error), after is None)
            if after is None:
                return
            position = after.end()
            continue
        yield ScannedValue(line, value)
    if opened:
        yield ScannedValue(opened[-1], None, "not JSON: the array that begins here has no end", is_end=True)


def _skip(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return position if match is None else match.end()


def _reason(text: str, position: int, error: ValueError) -> str:
    if text.startswith(("<<<<<<<", "=======", ">>>>>>>", "|||||||"), position):
        return "a merge marker; resolve the conflict in this file"
    return str(error)
