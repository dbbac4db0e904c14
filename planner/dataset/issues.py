"""Normalisation of issues from archives and backlogs into the issue of a planner_input."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from planner.errors import PlannerError
from planner.system.regular_files import open_regular

Json = dict[str, Any]
_PRIORITIES: Final = ("P0", "P1", "P2", "P3")
_RISKS: Final = ("low", "medium", "high", "critical")
_SIZES: Final = ("XS", "S", "M", "L", "XL")
_SIZE_BY_MINUTES: Final = ((30, "XS"), (120, "S"), (480, "M"), (1440, "L"))
_MARKS: Final = ("risk", "size", "tool")
# Leakage: a backlog has the present state of an issue; these fields must come from the archive.
_LATER_KNOWLEDGE: Final = frozenset({"dk_attempts", "status", "updated", "updated_at", "closed_at"})


def planner_issue(raw: Mapping[str, Any], issue_id: str) -> Json:
    """Normalise an issue of either dialect of Beads.

    Defaults for missing or unknown values: P2, medium, M, no hint, no attempts.
    """
    tags, marks = _tags(raw)
    texts = {name: raw[name] for name in ("title", "description") if isinstance(raw.get(name), str)}
    return {
        "issue_id": issue_id,
        "dk_priority": _priority(raw),
        "dk_risk": _known(_RISKS, raw.get("dk_risk"), marks.get("risk")) or "medium",
        "dk_size": _known(_SIZES, raw.get("dk_size"), marks.get("size")) or _size_of_estimate(raw),
        "dk_tool_hint": _text(raw.get("dk_tool_hint")) or marks.get("tool"),
        "dk_attempts": _attempts(raw.get("dk_attempts")),
        "tags": tags,
        **texts,
    }


def _tags(raw: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    """Tags, and fields that the other dialect writes as labels, such as `risk:high`."""
    if isinstance(raw.get("tags"), list):
        return [tag for tag in raw["tags"] if isinstance(tag, str)], {}
    raw_labels = raw.get("labels")
    labels = [label for label in raw_labels if isinstance(label, str)] if isinstance(raw_labels, list) else []
    marks = [label.partition(":") for label in labels]
    tags = [label for label, mark in zip(labels, marks, strict=True) if mark[0] not in _MARKS]
    return tags, {kind: value for kind, _, value in marks if kind in _MARKS}


def _priority(raw: Mapping[str, Any]) -> str:
    number = raw.get("priority")
    numbered = f"P{min(number, 3)}" if isinstance(number, int) else None
    return _known(_PRIORITIES, raw.get("dk_priority"), numbered) or "P2"


def _size_of_estimate(raw: Mapping[str, Any]) -> str:
    minutes = raw.get("estimated_minutes")
    if not isinstance(minutes, int | float):
        return "M"
    return next((size for limit, size in _SIZE_BY_MINUTES if minutes <= limit), "XL")


def _attempts(value: Any) -> int:
    try:
        return max(0, int(value))
    except (TypeError, ValueError, OverflowError):
        return 0


def _known(values: tuple[str, ...], *candidates: Any) -> str | None:
    return next((value for value in candidates if value in values), None)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def read_backlog(path: Path) -> tuple[dict[str, Json], list[int]]:
    """Read a Beads file: its issues by id, and the numbers of the invalid lines. Of duplicates the last one counts.

    Fields with later knowledge are removed, to prevent leakage. Raises `PlannerError` where the file cannot be read.
    """
    issues, bad = {}, []
    try:
        with io.TextIOWrapper(open_regular(path), encoding="utf-8-sig", errors="replace") as lines:
            for number, line in enumerate(lines, start=1):
                issue = _line(line)
                if issue is not None:
                    issues[issue["id"]] = {key: issue[key] for key in issue.keys() - _LATER_KNOWLEDGE}
                elif line.strip():
                    bad.append(number)
    except OSError as error:
        raise PlannerError(f"cannot read issues from {path}: {error.strerror or error}") from None
    return issues, bad


def _line(line: str) -> Json | None:
    try:
        issue = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return issue if isinstance(issue, dict) and isinstance(issue.get("id"), str) else None
