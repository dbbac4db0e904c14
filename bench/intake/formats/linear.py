"""Linear: the answer of its GraphQL API (`issues { nodes { identifier … } }`), or its CSV export.

The CSV is read as it is, or as JSON with the columns as keys. The id is the identifier, such as `ENG-12`.
"""

import re
from datetime import datetime
from typing import Any, Final

from bench.intake.formats.base import (
    Converted,
    Format,
    Json,
    NoIssueError,
    Warn,
    at,
    entries_of,
    host_and_path,
    only_given,
    text_at,
    texts_at,
)

_PRIORITIES: Final = {1: "P0", 2: "P1", 3: "P2", 4: "P3"}
_PRIORITY_WORDS: Final = {"urgent": "P0", "high": "P1", "medium": "P2", "normal": "P2", "low": "P3"}
_STATES: Final = {
    **dict.fromkeys(("completed", "canceled", "cancelled", "duplicate", "done"), "closed"),
    **dict.fromkeys(("triage", "backlog", "unstarted", "todo"), "open"),
    **dict.fromkeys(("started", "in progress", "in review"), "in_progress"),
}
CSV_COLUMNS: Final = frozenset({"ID", "Title", "Status"})
_IDENTIFIER: Final = re.compile(r"[A-Z][A-Z0-9_]*-\d+")
# Of JavaScript's Date: "Mon Jan 15 2024 10:23:45 GMT+0000 (Coordinated Universal Time)".
_SCRIPT_TIME: Final = re.compile(r"\w{3} (\w{3} \d{1,2} \d{4} \d\d:\d\d:\d\d) GMT([+-]\d{4})(?: \(.*\))?")


def _fits(record: Json) -> bool:
    if record.keys() >= CSV_COLUMNS and "Team" in record:
        return True
    identifier = record.get("identifier")
    return isinstance(identifier, str) and bool(_IDENTIFIER.fullmatch(identifier)) and "title" in record


def _convert(record: Json, warn: Warn) -> Converted:
    if "identifier" not in record and record.keys() >= CSV_COLUMNS:
        return _of_columns(record)
    identifier = record.get("identifier")
    if not isinstance(identifier, str) or not identifier:
        raise NoIssueError("no identifier, which is the id; add identifier to the query")
    blocked_by, blocks, related = _relations(record)
    if record.get("state") is None:
        warn(f"{identifier:.60}: no state; taken as open; add state {{ type }} to the query")
    return Converted(
        only_given(
            {
                "id": identifier,
                "title": record.get("title"),
                "description": record.get("description"),
                "status": _state(record),
                "created_at": record.get("createdAt"),
                "updated_at": record.get("updatedAt"),
                "labels": texts_at(record.get("labels"), "name"),
                "dk_priority": _priority(record),
                "parent": text_at(record.get("parent"), "identifier"),
                "depends_on": blocked_by,
                "blocks": blocks,
                "dependencies": [{"depends_on_id": other, "type": "related"} for other in related],
                "url": record.get("url"),
                "estimate": record.get("estimate"),
                "assignee": text_at(record.get("assignee"), "displayName", "name"),
                "project": text_at(record.get("project"), "name"),
                "cycle": at(record, ("cycle", "number")),
                "due_date": record.get("dueDate"),
            }
        ),
        _workspace(record),
    )


def _state(record: Json) -> str:
    if record.get("completedAt") or record.get("canceledAt"):
        return "closed"
    name = (text_at(record.get("state"), "type", "name") or "open").strip().lower()
    return _STATES.get(name, name)


def _priority(record: Json) -> str | None:
    number = record.get("priority")
    if isinstance(number, int | float):
        return _PRIORITIES.get(int(number))
    return _PRIORITY_WORDS.get((text_at(number) or text_at(record.get("priorityLabel")) or "").lower())


def _relations(record: Json) -> tuple[list[str], list[str], list[str]]:
    """The identifiers that block the issue, that it blocks, and that are related otherwise."""
    blocked_by: list[str] = []
    blocks: list[str] = []
    related: list[str] = []
    for entry in entries_of(record.get("relations")):
        if other := text_at(at(entry, ("relatedIssue",)), "identifier"):
            (blocks if at(entry, ("type",)) == "blocks" else related).append(other)
    for entry in entries_of(record.get("inverseRelations")):
        if other := text_at(at(entry, ("issue",)), "identifier"):
            (blocked_by if at(entry, ("type",)) == "blocks" else related).append(other)
    return blocked_by, blocks, related


def _workspace(record: Json) -> str | None:
    split = host_and_path(text_at(record, "url") or "")
    parts = split[1].split("/") if split else []
    return f"{split[0]}/{parts[1]}" if split and len(parts) > 2 else None


def _of_columns(record: Json) -> Converted:
    """An issue of the CSV export."""

    def column(*names: str) -> str | None:
        return next((text for name in names if (text := text_at(record.get(name))) and text.strip()), None)

    def names(name: str) -> list[str]:
        return [part.strip() for part in (column(name) or "").split(",") if part.strip()]

    issue_id = column("ID")
    if issue_id is None:
        raise NoIssueError("no ID")
    is_over = column("Completed", "Canceled", "Archived") is not None
    state = (column("Status") or "open").lower()
    return Converted(
        only_given(
            {
                "id": issue_id,
                "title": column("Title"),
                "description": column("Description"),
                "status": "closed" if is_over else _STATES.get(state, state),
                "created_at": _time(column("Created")),
                "updated_at": _time(column("Updated")),
                "labels": names("Labels"),
                "dk_priority": _PRIORITY_WORDS.get((column("Priority") or "").lower()),
                "parent": column("Parent issue"),
                "depends_on": names("Blocked by"),
                "blocks": names("Blocking"),
                "estimate": column("Estimate"),
                "assignee": column("Assignee"),
                "project": column("Project"),
                "due_date": column("Due Date"),
            }
        )
    )


def _time(text: str | None) -> str | None:
    match = _SCRIPT_TIME.fullmatch(text or "")
    if match is None:
        return text
    try:
        return datetime.strptime(f"{match[1]} {match[2]}", "%b %d %Y %H:%M:%S %z").isoformat()
    except ValueError:
        return text


_LISTS: Final[tuple[Any, ...]] = (
    *(
        ("data", "issues"),
        ("data", "team", "issues"),
        ("data", "project", "issues"),
        ("data", "viewer", "assignedIssues"),
    ),
    ("issues",),
)
LINEAR: Final = Format("linear", "Linear issues", _convert, _fits, _LISTS)
