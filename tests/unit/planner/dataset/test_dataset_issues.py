"""Issues of both dialects, dirty as they are, become the issue of a planner_input."""

from pathlib import Path
from typing import Any

import pytest

from planner.dataset.issues import planner_issue, read_backlog
from planner.documents.planner_input import IssueDocument
from planner.errors import PlannerError

DEFAULTS = {
    "issue_id": "i",
    "dk_priority": "P2",
    "dk_risk": "medium",
    "dk_size": "M",
    "dk_tool_hint": None,
    "dk_attempts": 0,
    "tags": [],
}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({}, {}),
        ({"dk_priority": "P0", "dk_risk": "critical", "dk_size": "XL", "dk_tool_hint": "codex"},) * 2,
        ({"dk_attempts": "3"}, {"dk_attempts": 3}),
        ({"dk_attempts": -1}, {}),
        ({"dk_attempts": "many"}, {}),
        ({"dk_attempts": float("inf")}, {}),
        ({"dk_risk": "extreme", "dk_size": 3, "dk_priority": None, "dk_tool_hint": 7}, {}),
        ({"tags": ["a", 5, None, "b"]}, {"tags": ["a", "b"]}),
        ({"tags": "a"}, {}),
        ({"priority": 0}, {"dk_priority": "P0"}),
        ({"priority": 4}, {"dk_priority": "P3"}),
        ({"priority": -1}, {}),
        ({"priority": 1, "dk_priority": "P3"}, {"dk_priority": "P3"}),
        (
            {"labels": ["risk:high", "size:S", "tool:claude", "lang:parser"]},
            {"dk_risk": "high", "dk_size": "S", "dk_tool_hint": "claude", "tags": ["lang:parser"]},
        ),
        ({"labels": ["risk:extreme"], "estimated_minutes": 30}, {"dk_size": "XS"}),
        ({"estimated_minutes": 1441}, {"dk_size": "XL"}),
        ({"estimated_minutes": 480, "dk_size": "L"}, {"dk_size": "L"}),
        ({"title": "t", "description": 5}, {"title": "t"}),
    ],
)
def test_what_is_missing_or_unknown_has_the_default(raw: dict[str, Any], expected: dict[str, Any]) -> None:
    issue = planner_issue(raw, "i")
    assert issue == DEFAULTS | expected
    IssueDocument.model_validate(issue)


def test_a_backlog_is_read_line_by_line_and_bad_lines_are_numbered(tmp_path: Path) -> None:
    file = tmp_path / "issues.jsonl"
    file.write_bytes(
        b'{"id": "a", "dk_risk": "low"}\n\n{"id": 5}\nnull\n\xff\n{"id": "a", "status": "done"}\n'
    )
    assert read_backlog(file) == ({"a": {"id": "a"}}, [3, 4, 5])


def test_a_backlog_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlannerError, match="cannot read issues from"):
        read_backlog(tmp_path / "nowhere.jsonl")
