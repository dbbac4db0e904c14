"""Lint of a backlog: labels, tags and keys that look as if they set a field, and set none.

Labels set a field as `risk:VALUE`, `size:VALUE` and `tool:NAME`, in exactly these words; tags set none.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from bench.intake.issue import RISKS, SIZES

_SETTERS: Final = {"risk": "dk_risk", "size": "dk_size", "tool": "dk_tool_hint", "priority": "dk_priority"}
_WORDS: Final = {
    **{name: name for name in _SETTERS},
    "severity": "risk",
    "complexity": "size",
    "tool_hint": "tool",
    "toolhint": "tool",
    "prio": "priority",
}
_PAIR: Final = re.compile(
    r"(?P<dk>dk[_-])?(?P<word>risk|severity|size|complexity|tool[_-]?hint|tool|priority|prio)"
    r"\s*(?P<mark>::|[:=/]|-(?!based\b))\s*(?P<value>[\w.-]{1,40})",
    re.IGNORECASE,
)
_ALONE: Final = re.compile(r"[Pp][0-4]")
_PRIORITY_WORDS: Final = {
    "critical": "P0",
    "urgent": "P0",
    "highest": "P0",
    "blocker": "P0",
    "high": "P1",
    "medium": "P2",
    "normal": "P2",
    "low": "P3",
    "lowest": "P3",
    **{f"{prefix}{number}": f"P{min(number, 3)}" for prefix in ("", "p") for number in range(5)},
}
_ALLOWED: Final[Mapping[str, tuple[str, ...]]] = {"risk": RISKS, "size": SIZES}
_KEYS: Final = {
    "risk": "dk_risk",
    "size": "dk_size",
    "tool_hint": "dk_tool_hint",
    "attempts": "dk_attempts",
    "dk_tool": "dk_tool_hint",
    "dk_labels": "labels",
    "dk_tags": "tags",
    "label": "labels",
    "tag": "tags",
}


def warn_of_mistakes(record: Mapping[str, Any], warn: Callable[[str], None]) -> None:
    """Call `warn` for each label, tag and key that probably should set a field and sets none."""
    for key, right in _KEYS.items():
        if record.get(key) is not None and record.get(right) is None:
            warn(f"{key}: no field of an issue, so it sets nothing; write {right}")
    for key in ("labels", "tags"):
        values = record.get(key)
        for value in values if isinstance(values, list) else ():
            correction = _correction(value, is_label=key == "labels") if isinstance(value, str) else None
            if correction is not None:
                warn(f"{key}: {value!r:.60} sets nothing; write {correction}")


def _correction(text: str, *, is_label: bool) -> str | None:
    """What to write instead; None where the label or tag is no mistake."""
    text = text.strip()
    if _ALONE.fullmatch(text):
        return _field("priority", _PRIORITY_WORDS[text.lower()])
    pair = _PAIR.fullmatch(text)
    if pair is None:
        return None
    word = _WORDS[pair["word"].lower().replace("-", "_")]
    value = _value(word, pair["value"])
    if value is None or (word == "tool" and pair["mark"] in "-/"):
        return None
    if word == "priority" or not is_label:
        return _field(word, value)
    right = f"{word}:{pair['value']}"
    return None if text.replace(" ", "") == right else f"the label {word}:{value}"


def _value(word: str, value: str) -> str | None:
    """The value as the field takes it; None where the word has another meaning, as in `tool-chain`."""
    if word == "priority":
        return _PRIORITY_WORDS.get(value.lower())
    if word == "tool":
        return value
    return next((each for each in _ALLOWED[word] if each.lower() == value.lower()), None)


def _field(word: str, value: str) -> str:
    return f'"{_SETTERS[word]}": "{value}"'
