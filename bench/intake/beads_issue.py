"""Mapping of a Beads record to an issue, for both dialects or a mixture of them."""

import re
from typing import Any, Final

from bench.intake.dependencies import BACKWARD_KEYS, FORWARD_KEYS, dependencies_of
from bench.intake.fields import Fields
from bench.intake.issue import PRIORITIES, RISKS, SIZES, Issue
from workers.addresses import has_credential, redacted

_OTHER_NAMES: Final = {
    *("_type", "priority", "labels", "created_at", "updated_at", "estimated_minutes", "body", "parent"),
    *("dk_forbidden_paths", *FORWARD_KEYS, *BACKWARD_KEYS),
}
_NAMED: Final = frozenset({*Issue.model_fields, *_OTHER_NAMES} - {"extra"})
FIELD_NAMES: Final = tuple(sorted(_NAMED - {"_type", "dk_forbidden_paths"}))
"""The keys of a record that become a field of its issue, in either dialect."""
# estimated_minutes up to this are of this size
_SIZE_BY_MINUTES: Final = ((30, "XS"), (120, "S"), (480, "M"), (1440, "L"))
_LONGEST_ID: Final = 200
_GAPS: Final = re.compile(r"[\s-]+")


def usable_id(record: dict[str, Any]) -> str:
    """The id of a record.

    Raises: `ValueError` where it has none, or one that is too long or not printable.
    """
    kind = record.get("_type")
    if kind not in (None, "issue"):
        raise ValueError(f"_type {kind!r:.40} is no issue")
    value = record.get("id")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError("no id")
    issue_id = value.strip()
    if len(issue_id) > _LONGEST_ID or not issue_id.isprintable() or "\ufffd" in issue_id:
        raise ValueError(f"the id {issue_id!r:.40} is too long or has characters that cannot be printed")
    return issue_id


def make_issue(issue_id: str, fields: Fields) -> Issue:
    """The issue of a record of either dialect, or of both mixed."""
    record = fields.record
    tags, hints = _tags_and_hints(fields)
    _, risk = fields.first("dk_risk")
    return Issue.model_validate(
        {
            "id": issue_id,
            "title": fields.text("title") or "",
            "description": _description(fields),
            "design": fields.prose("design"),
            "notes": fields.prose("notes"),
            "status": _status(fields),
            "created": fields.time("created", "created_at"),
            "updated": fields.time("updated", "updated_at"),
            "tags": tags,
            "dk_priority": _priority(fields),
            "dk_risk": fields.choice("dk_risk", hints.get("risk") if risk is None else risk, RISKS, "medium"),
            "dk_size": _size(fields, hints.get("size")),
            "dk_tool_hint": fields.text("dk_tool_hint") or hints.get("tool") or None,
            "dk_attempts": fields.number("dk_attempts") or 0,
            "dk_speculate": fields.flag("dk_speculate"),
            "dk_parent": fields.text("dk_parent", "parent"),
            "acceptance_criteria": fields.texts("acceptance_criteria"),
            "forbidden_paths": _forbidden_paths(fields),
            "context_files": fields.texts("context_files"),
            "dk_estimated_tokens": fields.number("dk_estimated_tokens"),
            "issue_type": fields.text("issue_type"),
            "dependencies": dependencies_of(issue_id, fields),
            "workcell": _workcell(fields),
            "extra": {key: value for key, value in record.items() if key not in _NAMED},
        }
    )


def _description(fields: Fields) -> str:
    """The description, followed by the body where that differs."""
    parts = (fields.prose("description"), fields.prose("body"))
    return "\n\n".join(part for part in dict.fromkeys(parts) if part.strip())


def _status(fields: Fields) -> str:
    """The status in lower case with underscores; without one, closed where the record has a closing time."""
    named = _GAPS.sub("_", (fields.text("status") or "").strip().lower())
    if named:
        return named
    _, ended = fields.first("closed_at", "deleted_at")
    return "closed" if ended else "open"


def _forbidden_paths(fields: Fields) -> tuple[str, ...]:
    named = (*fields.texts("forbidden_paths"), *fields.texts("dk_forbidden_paths"))
    return tuple(dict.fromkeys(named))


def _tags_and_hints(fields: Fields) -> tuple[tuple[str, ...], dict[str, str]]:
    """Tags and labels without `risk:*`, `size:*` and `tool:*`, and the values of these three."""
    tags, hints = dict.fromkeys(fields.texts("tags")), {}
    for label in fields.texts("labels"):
        kind, colon, value = label.partition(":")
        if colon and kind in {"risk", "size", "tool"}:
            hints[kind] = value.strip()
        else:
            tags[label] = None
    return tuple(tags), hints


def _priority(fields: Fields) -> str:
    """Priority P0–P3; upstream's 0–3 map to these, its 4 to P3."""
    name, value = fields.first("dk_priority", "priority")
    number = str(value).strip() if not isinstance(value, bool) else ""
    if number in {"0", "1", "2", "3", "4"}:
        return PRIORITIES[min(int(number), 3)]
    return fields.choice(name, value, PRIORITIES, "P2")


def _size(fields: Fields, hint: str | None) -> str:
    _, named = fields.first("dk_size")
    if named is not None or hint is not None:
        return fields.choice("dk_size", hint if named is None else named, SIZES, "M")
    minutes = fields.number("estimated_minutes")
    if minutes is None:
        return "M"
    return next((size for limit, size in _SIZE_BY_MINUTES if minutes <= limit), "XL")


def _workcell(fields: Fields) -> dict[str, Any] | None:
    value = fields.record.get("workcell")
    if value is None:
        return None
    if not isinstance(value, dict):
        fields.warn("workcell: not an object; left out")
        return None
    repo = value.get("repo")
    if not isinstance(repo, str) or not has_credential(repo):
        return value
    # The address without the credential is refused at submit, with the reason.
    fields.warn(
        "workcell.repo: holds a user, password or token, which is not stored; take it out of the file"
    )
    return {**value, "repo": redacted(repo)}
