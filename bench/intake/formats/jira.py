"""Jira: the JSON of a search (`/rest/api/2/search`, `/rest/api/3/search/jql`), or one issue of it a line.

The id is the issue's key. Texts may be wiki markup or documents (ADF), which become Markdown.
"""

import re
from typing import Any, Final

from bench.intake.formats.adf import markdown_of
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

_KEY: Final = re.compile(r"[A-Z][A-Z0-9_]*-\d+")
_PRIORITIES: Final = {
    **dict.fromkeys(("highest", "blocker", "critical", "urgent"), "P0"),
    **dict.fromkeys(("high", "major"), "P1"),
    **dict.fromkeys(("medium", "normal"), "P2"),
    **dict.fromkeys(("low", "lowest", "minor", "trivial"), "P3"),
    **{f"p{number}": f"P{min(number, 3)}" for number in range(5)},
}
_CATEGORIES: Final = {"done": "closed", "new": "open", "undefined": "open", "indeterminate": "in_progress"}


def _fits(record: Json) -> bool:
    key = record.get("key")
    return isinstance(key, str) and bool(_KEY.fullmatch(key)) and isinstance(record.get("fields"), dict)


def _convert(record: Json, warn: Warn) -> Converted:
    key, fields = record.get("key"), record.get("fields")
    if not isinstance(key, str) or not key:
        raise NoIssueError("no key, which is the id")
    if not isinstance(fields, dict):
        raise NoIssueError(f"{key:.60}: no fields; export with all fields, as in fields=*all")
    blocked_by, blocks, related = _links(fields.get("issuelinks"))
    return Converted(
        only_given(
            {
                "id": key,
                "title": fields.get("summary"),
                "description": markdown_of(fields.get("description")),
                "status": _status(fields),
                "created_at": fields.get("created"),
                "updated_at": fields.get("updated"),
                "labels": texts_at(fields.get("labels")),
                "dk_priority": _priority(key, fields, warn),
                "issue_type": text_at(fields.get("issuetype"), "name"),
                "parent": text_at(fields.get("parent"), "key"),
                "estimated_minutes": _minutes(fields),
                "depends_on": blocked_by,
                "dependencies": [{"depends_on_id": other, "type": "related"} for other in related],
                "blocks": blocks,
                "environment": markdown_of(fields.get("environment")),
                "components": texts_at(fields.get("components"), "name"),
                "fix_versions": texts_at(fields.get("fixVersions"), "name"),
                "assignee": text_at(fields.get("assignee"), "displayName", "name"),
                "reporter": text_at(fields.get("reporter"), "displayName", "name"),
                "resolution": text_at(fields.get("resolution"), "name"),
            }
        ),
        _site(record),
    )


def _status(fields: Json) -> str:
    """By the category of the status, for the names of statuses are free; closed where it is resolved."""
    category = at(fields, ("status", "statusCategory", "key"))
    if isinstance(category, str) and category in _CATEGORIES:
        return _CATEGORIES[category]
    if fields.get("resolution") or fields.get("resolutiondate"):
        return "closed"
    return text_at(fields.get("status"), "name") or "open"


def _priority(key: str, fields: Json, warn: Warn) -> str | None:
    name = text_at(fields.get("priority"), "name")
    if name is None:
        return None
    # "P1 - someday" and "1-High" have a usual word in them.
    words = re.findall(r"p[0-4]\b|[a-z]+", name.lower())
    known = next((_PRIORITIES[word] for word in words if word in _PRIORITIES), None)
    if known is None:
        warn(f"{key}: priority {name!r:.40} is no usual one; taken as P2; --map dk_priority=… can set it")
    return known


def _minutes(fields: Json) -> int | None:
    seconds = at(fields, ("timetracking", "originalEstimateSeconds")) or fields.get("timeoriginalestimate")
    return seconds // 60 if isinstance(seconds, int) and seconds > 0 else None


def _links(links: Any) -> tuple[list[str], list[str], list[str]]:
    """The keys that block the issue, that it blocks, and that are linked otherwise."""
    blocked_by: list[str] = []
    blocks: list[str] = []
    related: list[str] = []
    for link in entries_of(links):
        inward, outward = (
            text_at(at(link, (side,)), "key") if isinstance(link, dict) else None
            for side in ("inwardIssue", "outwardIssue")
        )
        is_blocking = "block" in (text_at(at(link, ("type",)), "name") or "").lower()
        if inward:
            (blocked_by if is_blocking else related).append(inward)
        if outward:
            (blocks if is_blocking else related).append(outward)
    return blocked_by, blocks, related


def _site(record: Json) -> str | None:
    split = host_and_path(text_at(record, "self") or "")
    return split[0] if split else None


JIRA: Final = Format("jira", "Jira issues", _convert, _fits, (("issues",),))
