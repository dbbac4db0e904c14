"""Parser of one line of a JSON Lines file into a record that PostgreSQL can store."""

import json
import math
from collections.abc import Callable
from typing import Any, Final

from bench.intake.fields import MAX_DEPTH, cleaned

_MERGE_MARKERS: Final = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")
_COMMENTS: Final = ("#", "//", "/*", "--")
_WINDOW: Final = 4096
_LONGEST_WORD: Final = 16
"""More characters than any literal, escape or delimiter that a window could cut."""


def read_record(line: bytes | str, warn: Callable[[str], None]) -> dict[str, Any] | None:
    """Parse the JSON object of a line; None for a blank line.

    Raises: `ValueError` with the reason and its remedy where the line holds no object.
    """
    text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
    text = text.strip().removeprefix("\ufeff").strip()
    if not text:
        return None
    if text.startswith(_MERGE_MARKERS):
        raise ValueError("a merge marker; resolve the conflict in this file")
    if isinstance(line, bytes) and "\ufffd" in text and "\ufffd".encode() not in line:
        warn("bytes that are not UTF-8 were replaced")
    try:
        record = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(_why_not_json(text, error)) from error
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")
    sanitised: dict[str, Any] = cleaned(record) if _needs_cleaning(line, text) else record
    return sanitised


def _why_not_json(text: str, error: Exception) -> str:
    if text.startswith(_COMMENTS):
        return "a comment, which JSON Lines does not have; take it out"
    if text.endswith("},"):
        return "not JSON: a comma after the object; take it away"
    if text == "[":
        return "not JSON: the array that begins here has no end"
    if text == "{":
        return "not JSON: one object a line is wanted, not one spread over lines; write it with: jq -c ."
    return f"not JSON: {error}"


class MalformedValueError(ValueError):
    """No JSON value begins at a position."""

    def __init__(self, reason: str, examined: int) -> None:
        super().__init__(reason)
        self.examined = examined
        """Characters from the position on that were parsed before the error."""


def value_at(text: str, position: int) -> tuple[Any, int]:
    """The JSON value at a position of a text, and the position after it.

    Its work is linear in the length of the value, or of what precedes the error, wherever in the text that is: the
    decoder counts the lines before an error, so it is given a window, which is doubled until it holds the end.

    Raises: `MalformedValueError` with the reason where there is none.
    """
    size = _WINDOW
    while True:
        window = text[position : position + size]
        is_last = position + size >= len(text)
        try:
            value, end = _DECODER.raw_decode(window)
        except json.JSONDecodeError as error:
            # Near the window's end, or in a string without one, the rest of the text may say otherwise.
            is_open = error.msg.startswith("Unterminated") or error.pos > len(window) - _LONGEST_WORD
            if is_last or not is_open:
                examined = len(window) if error.msg.startswith("Unterminated") else error.pos + 1
                raise MalformedValueError(f"not JSON: {error.msg}", examined) from error
        except RecursionError as error:
            raise MalformedValueError("not JSON: nested too deep", len(window)) from error
        except ValueError as error:
            raise MalformedValueError(str(error), len(window)) from error
        else:
            if is_last or end < len(window):
                return value, position + end
        size *= 2


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _no_constant(digits[:20])


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)


def _needs_cleaning(line: bytes | str, text: str) -> bool:
    """Whether `cleaned` could change the line: for most lines it cannot, and skipping them saves time."""
    raw_surrogates = isinstance(line, str) and not line.isascii()
    return raw_surrogates or "\\u" in text or text.count("[") + text.count("{") > MAX_DEPTH
