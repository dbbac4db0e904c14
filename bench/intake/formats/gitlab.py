"""GitLab: `glab issue list -F json`, and `GET /projects/:id/issues` of the REST API.

The id is `GROUP/PROJECT#IID`. A scoped label such as `risk::high` counts as `risk:high`.
"""

import re
from typing import Any, Final

from bench.intake.formats.base import (
    Converted,
    Format,
    Json,
    NoIssueError,
    Warn,
    host_and_path,
    only_given,
    priority_of_labels,
    text_at,
    texts_at,
)

_PATH: Final = re.compile(r"/(?P<project>.+?)/-/(?:issues|work_items)/(?P<number>\d+)/?")


def _address(record: Any) -> tuple[str, str, str] | None:
    """Host, project and number, from the address of an issue."""
    split = host_and_path(text_at(record, "web_url") or "")
    match = _PATH.fullmatch(split[1]) if split else None
    return (split[0], match["project"], match["number"]) if split and match else None


def _fits(record: Json) -> bool:
    return "iid" in record and _address(record) is not None


def _convert(record: Json, _warn: Warn) -> Converted:
    address = _address(record)
    if address is None:
        raise NoIssueError("no web_url, from which the id is made")
    host, project, number = address
    plain = [label.replace("::", ":", 1) for label in texts_at(record.get("labels"), "name", "title")]
    priority, labels = priority_of_labels(plain)
    return Converted(
        only_given(
            {
                "id": f"{project}#{number}",
                "title": record.get("title"),
                "description": record.get("description"),
                "status": "closed" if record.get("state") == "closed" else "open",
                "created_at": record.get("created_at"),
                "updated_at": record.get("updated_at"),
                "labels": labels,
                "priority": priority,
                "issue_type": record.get("issue_type") or text_at(record.get("type")),
                "estimated_minutes": _minutes(record.get("time_stats")),
                "url": record.get("web_url"),
                "author": text_at(record.get("author"), "username"),
                "assignees": texts_at(record.get("assignees"), "username"),
                "milestone": text_at(record.get("milestone"), "title"),
                "weight": record.get("weight"),
                "due_date": record.get("due_date"),
                "confidential": record.get("confidential") or None,
                "closed_at": record.get("closed_at"),
            }
        ),
        f"{host}/{project}",
    )


def _minutes(times: Any) -> int | None:
    seconds = times.get("time_estimate") if isinstance(times, dict) else None
    return seconds // 60 if isinstance(seconds, int) and seconds > 0 else None


GITLAB: Final = Format("gitlab", "GitLab issues", _convert, _fits)
