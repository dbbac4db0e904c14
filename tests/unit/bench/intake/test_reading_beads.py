"""Beads files of both dialects, dirty as they are."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.intake.beads import ImportReport, read_issues, read_issues_file
from bench.intake.errors import IntakeError
from bench.intake.issue import Issue
from planner.canonical import canonical_json


def read(*records: dict[str, Any]) -> ImportReport:
    return read_issues([json.dumps(record) for record in records], "test.jsonl")


def read_single(**record: Any) -> Issue:
    report = read({"id": "a-1", **record})
    assert report.bad_lines == []
    return report.issues[0]


def test_the_cyntra_dialect_is_read_field_by_field() -> None:
    record = {
        "title": "Fix it",
        "description": "It is broken",
        "design": "Use the table",
        "notes": "Ask Ann first",
        "status": "ready",
        "created": "2026-01-02T03:04:05Z",
        "updated": "2026-01-03T03:04:05+01:00",
        "tags": ["shop"],
        "dk_priority": "P0",
        "dk_risk": "critical",
        "dk_size": "XL",
        "dk_tool_hint": "codex",
        "dk_attempts": 2,
        "dk_speculate": True,
        "dk_parent": "a-0",
        "acceptance_criteria": ["works"],
        "forbidden_paths": ["secrets/**"],
        "context_files": ["shop/cart.py"],
        "dk_estimated_tokens": 5000,
        "workcell": {"base": "abc"},
        "seen_by": "kernel",
    }
    document = read_single(**record).as_document()
    assert document.pop("extra") == {"seen_by": "kernel"}
    del record["seen_by"]
    assert document == {
        **record,
        "id": "a-1",
        "updated": "2026-01-03T02:04:05Z",
        "issue_type": None,
        "dependencies": [],
        "job_type": "code",
        "domain": "code",
    }


def test_the_upstream_dialect_is_mapped() -> None:
    issue = read_single(
        _type="issue",
        priority=1,
        issue_type="bug",
        labels=["risk:high", "size:l", "tool:claude", "shop"],
        status="in_progress",
        created_at="2025-10-16T13:45:28.123456789-07:00",
        updated_at="2025-10-17T00:00:00Z",
        closed_at="2025-10-18T00:00:00Z",
        acceptance_criteria="- [ ] adds up\n2. never a cent more\n\n* `a*b` holds",
        dependencies=[{"issue_id": "a-1", "depends_on_id": "a-0", "type": "waits-for"}],
    )
    assert (issue.dk_priority, issue.dk_risk, issue.dk_size, issue.dk_tool_hint) == (
        "P1",
        "high",
        "L",
        "claude",
    )
    assert (issue.tags, issue.issue_type, issue.status) == (("shop",), "bug", "in_progress")
    assert (issue.created, issue.updated) == ("2025-10-16T20:45:28.123456Z", "2025-10-17T00:00:00Z")
    assert issue.acceptance_criteria == ("adds up", "never a cent more", "`a*b` holds")
    assert issue.dependencies[0].depends_on_id == "a-0"
    assert issue.dependencies[0].type == "waits-for"
    assert issue.extra == {"closed_at": "2025-10-18T00:00:00Z"}


def test_what_is_missing_takes_the_contracts_defaults() -> None:
    issue = read_single()
    assert (issue.dk_priority, issue.dk_risk, issue.dk_size) == ("P2", "medium", "M")
    assert (issue.dk_tool_hint, issue.dk_attempts, issue.status) == (None, 0, "open")


@pytest.mark.parametrize(
    ("number", "priority"), [(0, "P0"), (1, "P1"), (2, "P2"), (3, "P3"), (4, "P3"), ("1", "P1"), (None, "P2")]
)
def test_upstream_priorities(number: int | str | None, priority: str) -> None:
    assert read_single(priority=number).dk_priority == priority


@pytest.mark.parametrize(
    ("minutes", "size"),
    [
        (0, "XS"),
        (30, "XS"),
        (31, "S"),
        (120, "S"),
        (121, "M"),
        (480, "M"),
        (481, "L"),
        (1440, "L"),
        (1441, "XL"),
    ],
)
def test_estimated_minutes_give_the_size_where_nothing_else_does(minutes: int, size: str) -> None:
    assert read_single(estimated_minutes=minutes).dk_size == size
    assert read_single(estimated_minutes=minutes, labels=["size:XS"]).dk_size == "XS"


def test_a_null_field_lets_the_label_speak() -> None:
    issue = read_single(
        dk_risk=None, dk_size=None, dk_priority=None, labels=["risk:low", "size:S"], priority=0
    )
    assert (issue.dk_risk, issue.dk_size, issue.dk_priority) == ("low", "S", "P0")


def test_attempts_written_as_text_count() -> None:
    report = read({"id": "a", "dk_attempts": "3"})
    assert (report.issues[0].dk_attempts, report.warnings) == (3, [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", 5),
        ("tags", {"a": 1}),
        ("tags", ["ok", 3]),
        ("dk_risk", "enormous"),
        ("dk_size", ["M"]),
        ("dk_priority", True),
        ("priority", 9),
        ("dk_attempts", "many"),
        ("dk_attempts", -1),
        ("dk_attempts", 1e300),
        ("dk_speculate", "perhaps"),
        ("created", "yesterday"),
        ("updated", 17),
        ("dependencies", 5),
        ("dependencies", [7.5]),
        ("blocked_by", [{"type": "blocks"}]),
        ("design", 5),
        ("notes", {}),
        ("workcell", "default"),
        ("estimated_minutes", False),
    ],
)
def test_a_field_of_the_wrong_type_falls_back_and_is_named_by_line(field: str, value: Any) -> None:
    report = read({"id": "fine"}, {"id": "odd", field: value})
    assert report.bad_lines == []
    ((line, text),) = report.warnings
    assert line == 2
    assert text.startswith(f"odd: {field}: ")
    assert report.issues[1].model_copy(update={"id": "fine", "tags": ()}) == report.issues[0]


def test_bad_lines_are_named_and_the_rest_is_imported() -> None:
    lines = [
        b'\xef\xbb\xbf{"id": "first"}\r\n',
        b"\r\n",
        b"<<<<<<< HEAD\n",
        b'{"id": "second", "title": "caf\xe9"}\n',
        b"=======\n",
        b">>>>>>> theirs\n",
        b'{"title": "nameless"}\n',
        b"[1]\n",
        b'{"id": ""}\n',
        b'{"id": "third"',
        b'{"id": "x", "n": NaN}',
        b'{"id": "x", "n": 1e999}',
        b'{"id": "a\\u0000b"}',
        b'{"_type": "memory", "id": "m"}',
        b'{"_type": "sprint", "id": "s"}',
        b'{"id": 42}',
        b'{"id": "deep", "x": ' + b"[" * 100 + b"]" * 100 + b"}",
        b'{"id": "very deep", "x": ' + b"[" * 100_000,
    ]
    report = read_issues(lines, "f")
    assert [issue.id for issue in report.issues] == ["first", "second", "42"]
    assert [number for number, _ in report.bad_lines] == [3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 17, 18]
    assert report.warnings == [(4, "bytes that are not UTF-8 were replaced")]
    assert report.skipped_memory == 1
    assert dict(report.bad_lines)[3].startswith("a merge marker")
    assert dict(report.bad_lines)[7] == "no id"


def test_of_a_repeated_id_the_newest_stays_whatever_zone_it_is_written_in() -> None:
    newer = {"id": "a", "title": "newer", "updated": "2026-01-01T00:30:00Z"}
    older = {"id": "a", "title": "older", "updated": "2026-01-01T02:00:00+02:00"}
    undated = {"id": "a", "title": "undated"}
    for records in ([newer, older, undated], [older, undated, newer]):
        report = read(*records)
        assert [issue.title for issue in report.issues] == ["newer"]
        assert report.duplicates == 2


def test_of_equally_old_ones_the_later_line_stays() -> None:
    for when in ({}, {"updated": "2026-01-01T00:00:00Z"}):
        report = read({"id": "a", "title": "x", **when}, {"id": "a", "title": "y", **when})
        assert report.issues[0].title == "y"


def test_escalations_are_imported_and_named() -> None:
    report = read(
        {"id": "a", "tags": ["escalation"]},
        {"id": "b", "labels": ["needs-human"]},
        {"id": "c", "status": "Escalated"},
        {"id": "d"},
    )
    assert len(report.issues) == 4
    assert report.escalations == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("tags", "job_type"),
    [
        ([], "code"),
        (["asset"], "code"),
        (["asset:mesh"], "fab-asset"),
        (["asset:mesh", "asset:world"], "fab-world"),
        (["asset:worldly"], "fab-asset"),
    ],
)
def test_tags_decide_the_job_type(tags: list[str], job_type: str) -> None:
    issue = read_single(tags=tags)
    assert (issue.job_type, issue.domain) == (job_type, job_type.replace("-", "_"))


def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path: Any) -> None:
    with pytest.raises(IntakeError, match="No such file"):
        read_issues_file(tmp_path / "none.jsonl")
    with pytest.raises(IntakeError, match="directory"):
        read_issues_file(tmp_path)


def test_a_stored_document_that_is_no_issue_says_what_to_do() -> None:
    with pytest.raises(IntakeError, match=r"stored issue 'a': dk_risk: .*import it again"):
        Issue.from_document({"id": "a", "dk_risk": "odd"})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda v: st.lists(v) | st.dictionaries(st.text(), v),
    max_leaves=8,
)
known_keys = st.sampled_from(
    [*Issue.model_fields, "_type", "priority", "labels", "created_at", "updated_at", "estimated_minutes", "x"]
)
near_issues = st.dictionaries(known_keys, json_values).map(lambda d: {"id": "i", **d}).map(json.dumps)
any_line = st.binary() | st.text(st.characters()) | near_issues


@settings(max_examples=300)
@given(st.lists(any_line, max_size=5))
def test_no_line_stops_an_import_and_every_issue_can_be_stored(lines: list[bytes | str]) -> None:
    report = read_issues(lines, "any")
    assert {number for number, _ in report.bad_lines} <= set(range(1, len(lines) + 1))
    for issue in report.issues:
        text = canonical_json(issue.document())
        text.encode("utf-8")
        assert "\\u0000" not in text
        assert Issue.from_document(json.loads(text)) == issue
