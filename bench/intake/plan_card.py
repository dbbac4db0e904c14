"""Mapping of a plan tracker's card to an issue.

A card has `id`, `title`, `type`, `urgency`, `complexity`, `risk`, `depends_on`, `soft_depends`, `blocks`,
`percent_complete` and `status_notes`, and any key that an issue has. Remarks in parentheses after a value are
dropped: `phase-1 (for clean integration)` is `phase-1`, and `N/A (done)` is no value.

- urgency critical, high, medium, low → P0, P1, P2, P3; complexity → size; risk → risk.
- `depends_on` → dependencies that block; `blocks` → the same on the other card; `soft_depends` → `related`.
- `value` and `status_notes` → description; `type` → issue type.

A card is closed by its `status`, else its `type`, where that is a stage such as completed or abandoned; else by a
`percent_complete` of 100; else, where it names no stage, by a section heading Completed or Abandoned around it. Any
other stage leaves it open.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from bench.intake.beads_issue import make_issue, usable_id
from bench.intake.cards import CardError
from bench.intake.fields import Fields
from bench.intake.issue import RISKS, SIZES, Issue
from bench.intake.mistakes import warn_of_mistakes

_PRIORITIES: Final = {"critical": "P0", "high": "P1", "medium": "P2", "low": "P3"}
_CLOSED_STAGES: Final = frozenset(
    {"completed", "complete", "done", "finished", "closed"}
    | {"abandoned", "cancelled", "canceled", "superseded", "rejected"}
)
_OPEN_STAGES: Final = {
    **dict.fromkeys(("concept", "planning", "planned", "proposed", "backlog", "todo", "open"), "open"),
    **dict.fromkeys(("in-progress", "in progress", "in_progress", "active"), "in_progress"),
    **dict.fromkeys(("deferred", "paused", "on-hold", "on hold"), "deferred"),
    "ready": "ready",
    "blocked": "blocked",
}
_NOTHING: Final = frozenset({"", "n/a", "na", "none", "tbd", "-", "–", "?"})
_NOTE: Final = re.compile(r"\([^()]*\)$")
_PERCENT: Final = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)\s*%?")
# Keys that are mapped to others; all remaining keys are kept unchanged.
_MAPPED: Final = frozenset(
    {"urgency", "complexity", "risk", "depends_on", "soft_depends", "blocks", "type", "value", "status_notes"}
)


@dataclass(frozen=True, slots=True)
class Card:
    """The issue of a card, and the ids in its `blocks`."""

    issue: Issue
    blocks: list[str]


def make_card(data: dict[str, Any], headings: tuple[str, ...], warn: Callable[[str], None]) -> Card:
    """Map a card to an issue; `headings` are the sections around it.

    Raises: `CardError` where it has no usable id.
    """
    try:
        issue_id = usable_id(data)
    except ValueError as error:
        raise CardError(str(error)) from error
    fields = Fields(
        {key: _without_note(value) for key, value in data.items()}, lambda text: warn(f"{issue_id}: {text}")
    )
    warn_of_mistakes({key: data.get(key) for key in ("labels", "tags")}, fields.warn)
    record = {
        **{key: value for key, value in data.items() if key not in _MAPPED},
        "created": fields.record.get("created"),
        "updated": fields.record.get("updated"),
        "description": "\n\n".join(filter(None, (_prose(data.get(k)) for k in ("value", "status_notes")))),
        "status": _status(fields, headings),
        "dk_risk": fields.choice("risk", fields.record.get("risk"), RISKS, "medium"),
        "dk_size": fields.choice("complexity", fields.record.get("complexity"), SIZES, "M"),
        "issue_type": fields.text("type"),
        "dependencies": [
            {"depends_on_id": other, "type": kind}
            for key, kind in (("depends_on", "blocks"), ("soft_depends", "related"))
            for other in _references(fields, key)
        ],
    }
    if fields.record.get("urgency") is not None:
        urgency = fields.choice("urgency", fields.record["urgency"], tuple(_PRIORITIES), "medium")
        record["dk_priority"] = _PRIORITIES[urgency]
    return Card(make_issue(issue_id, Fields(record, fields.warn)), _references(fields, "blocks"))


def _without_note(value: Any) -> Any:
    """A text without the remark in parentheses after it; None for a placeholder such as "n/a"."""
    if not isinstance(value, str):
        return value
    plain = _NOTE.sub("", value.strip()).strip()
    return None if plain.lower() in _NOTHING else plain


def _prose(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(f"- {entry}" for entry in value if isinstance(entry, str))
    return value.strip() if isinstance(value, str) else ""


def _status(fields: Fields, headings: tuple[str, ...]) -> str:
    named = next((stage for stage in (_stage(fields.text(k)) for k in ("status", "type")) if stage), None)
    if named == "closed":
        return named
    if _percent(fields) == 100:
        if named is not None:
            fields.warn(f"percent_complete is 100, so it is closed although it is called {named}")
        return "closed"
    if named is None and any(_stage(_without_note(heading)) == "closed" for heading in headings):
        return "closed"
    return named or "open"


def _stage(text: str | None) -> str | None:
    """The status of a stage, punctuation and emoji around it ignored. None where it is no stage."""
    word = "".join(char for char in (text or "").lower() if char.isalnum() or char in " -_").strip()
    return "closed" if word in _CLOSED_STAGES else _OPEN_STAGES.get(word)


def _percent(fields: Fields) -> float | None:
    value = fields.record.get("percent_complete")
    if value is None:
        return None
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if match is None or float(match[1]) > 100:
        fields.warn(f"percent_complete: {value!r:.40} is not a number from 0 to 100; ignored")
        return None
    return float(match[1])


def _references(fields: Fields, key: str) -> list[str]:
    """The ids of a list, of a text with commas, or of entries such as `id: why`."""
    value = fields.record.get(key)
    if isinstance(value, str):
        value = value.split(",")
    elif value is not None and not isinstance(value, list):
        fields.warn(f"{key}: not a list; left out")
        value = None
    named = []
    for entry in value or ():
        if isinstance(entry, dict):
            entry = entry.get("id", next(iter(entry)) if len(entry) == 1 else None)
            if not isinstance(entry, str):
                fields.warn(f"{key}: an entry names no id; left out")
        elif isinstance(entry, list):
            fields.warn(f"{key}: an entry is a list; left out")
        plain = _without_note(entry)
        if isinstance(plain, str):
            named.append(plain)
    return list(dict.fromkeys(named))
