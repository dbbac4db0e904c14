"""GitHub: `gh issue list --json …`, `gh api repos/OWNER/REPO/issues`, and the same from any GitHub host.

The id is `OWNER/REPO#NUMBER`, from the address of the issue.
"""

import re
from typing import Any, Final

from bench.intake.formats.base import (
    Converted,
    Format,
    Json,
    NoIssueError,
    OtherRecordError,
    Warn,
    entries_of,
    host_and_path,
    only_given,
    priority_of_labels,
    text_at,
    texts_at,
)

_PATH: Final = re.compile(r"/(?P<repo>[^/]+/[^/]+)/issues/(?P<number>\d+)/?")
_API: Final = re.compile(r"(?:/api/v3)?/repos(?=/)")


def _address(record: Any) -> tuple[str, str, str] | None:
    """Host, repository and number, from the address of an issue."""
    for key in ("html_url", "url"):
        split = host_and_path(text_at(record, key) or "")
        match = _PATH.fullmatch(_API.sub("", split[1], count=1)) if split else None
        if split and match:
            return split[0].removeprefix("api."), match["repo"], match["number"]
    return None


def _fits(record: Json) -> bool:
    return isinstance(record.get("number"), int) and "iid" not in record and _address(record) is not None


def _id(record: Any) -> str | None:
    address = _address(record)
    return None if address is None else f"{address[1]}#{address[2]}"


def _convert(record: Json, warn: Warn) -> Converted:
    address = _address(record)
    if record.get("pull_request") is not None:
        raise OtherRecordError("a pull request and no issue")
    if address is None:
        raise NoIssueError("no address, from which the id is made; add url to the fields of gh's --json")
    host, repo, number = address
    issue_id = f"{repo}#{number}"
    priority, labels = priority_of_labels(texts_at(record.get("labels"), "name"))
    blocked_by = [_id(entry) for entry in entries_of(record.get("blockedBy"))]
    blocks = [_id(entry) for entry in entries_of(record.get("blocking"))]
    if None in [*blocked_by, *blocks]:
        warn(f"{issue_id}: blockedBy, blocking: an entry has no url; left out")
    milestone = text_at(record.get("milestone"), "title")
    return Converted(
        only_given(
            {
                "id": issue_id,
                "title": record.get("title"),
                "description": record.get("body"),
                "status": "closed" if str(record.get("state")).lower() == "closed" else "open",
                "created_at": record.get("createdAt") or record.get("created_at"),
                "updated_at": record.get("updatedAt") or record.get("updated_at"),
                "labels": labels,
                "priority": priority,
                "issue_type": text_at(record.get("issueType") or record.get("type"), "name"),
                "parent": _id(record.get("parent")),
                "depends_on": [other for other in blocked_by if other],
                "blocks": [other for other in blocks if other],
                "url": record.get("html_url") or record.get("url"),
                "author": text_at(record.get("author") or record.get("user"), "login"),
                "assignees": texts_at(record.get("assignees"), "login"),
                "milestone": milestone,
                "state_reason": record.get("stateReason") or record.get("state_reason"),
                "closed_at": record.get("closedAt") or record.get("closed_at"),
            }
        ),
        f"{host}/{repo}",
    )


GITHUB: Final = Format("github", "GitHub issues", _convert, _fits, (("data", "repository", "issues"),))
