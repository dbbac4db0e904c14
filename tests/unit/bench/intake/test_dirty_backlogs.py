"""What public backlogs are full of: every kind of dirt is read for what it means, or named by its line."""

import json
from typing import Any

import pytest

from bench.intake.beads import ImportReport, read_issues


def read(*lines: str) -> ImportReport:
    return read_issues([f"{line}\n" for line in lines], "issues.jsonl")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id": "x"},', "not JSON: a comma after the object; take it away"),
        ('{"id": "x",}', "not JSON: "),
        ("# exported by hand", "a comment, which JSON Lines does not have"),
        ("// exported by hand", "a comment, which JSON Lines does not have"),
        ("<<<<<<< HEAD", "a merge marker"),
        ("=======", "a merge marker"),
        ("||||||| base", "a merge marker"),
        (">>>>>>> theirs", "a merge marker"),
        ('{"id": "x"', "not JSON: "),
        ("{'id': 'x'}", "not JSON: "),
        ('{"id": "x"}{"id": "y"}', "not JSON: "),
        ("null", "not a JSON object"),
        ('"x"', "not a JSON object"),
        ('{"id": null}', "no id"),
        ('{"id": true}', "no id"),
        ('{"id": 1.5}', "no id"),
        ('{"id": ["x"]}', "no id"),
        ('{"title": "x"}', "no id"),
        ('{"_type": "comment", "id": "x"}', "_type 'comment' is no issue"),
    ],
)
def test_a_line_without_an_issue_is_named_and_costs_no_other(line: str, reason: str) -> None:
    report = read('{"id": "before"}', line, '{"id": "after"}')
    assert [issue.id for issue in report.issues] == ["before", "after"]
    ((number, message),) = report.bad_lines
    assert number == 2
    assert message.startswith(reason)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            dict.fromkeys(("title", "description", "status", "labels", "priority")),
            {"status": "open"},
        ),
        ({"dependencies": None, "workcell": None, "design": None, "notes": None}, {"dependencies": ()}),
        ({"priority": "0"}, {"dk_priority": "P0"}),
        ({"priority": 4}, {"dk_priority": "P3"}),
        ({"estimated_minutes": "90"}, {"dk_size": "S"}),
        (
            {"dk_attempts": "2", "dk_estimated_tokens": "5000"},
            {"dk_attempts": 2, "dk_estimated_tokens": 5000},
        ),
        ({"updated_at": "2026-01-02T03:04:05"}, {"updated": "2026-01-02T03:04:05Z"}),
        ({"updated_at": "2026-01-02"}, {"updated": "2026-01-02T00:00:00Z"}),
        ({"updated_at": "2026-01-02 03:04:05+02:00"}, {"updated": "2026-01-02T01:04:05Z"}),
        ({"status": "tombstone"}, {"is_closed": True, "is_benchable": False}),
        ({"status": "deleted"}, {"is_closed": True}),
        ({"status": "wontfix"}, {"is_closed": True}),
        ({"status": "Won't Fix"}, {"is_closed": True}),
        ({"status": "Cancelled"}, {"is_closed": True}),
        ({"status": "RESOLVED"}, {"is_closed": True}),
        ({"status": "In Progress", "assignee": "ann"}, {"status": "in_progress", "is_closed": False}),
        ({"status": "in-progress"}, {"status": "in_progress"}),
        ({"closed_at": "2026-01-02T00:00:00Z"}, {"status": "closed"}),
        ({"deleted_at": "2026-01-02T00:00:00Z"}, {"status": "closed"}),
        ({"status": "open", "closed_at": "2026-01-02T00:00:00Z"}, {"status": "open"}),
        ({"closed_at": None}, {"status": "open"}),
        ({"issue_type": "epic"}, {"issue_type": "epic", "is_benchable": True}),
        ({"body": "what to do"}, {"description": "what to do"}),
        ({"description": "", "body": "what to do"}, {"description": "what to do"}),
        ({"description": "one", "body": "two"}, {"description": "one\n\ntwo"}),
        ({"description": "one", "body": "one"}, {"description": "one"}),
        ({"description": ["one", "two"]}, {"description": "one\ntwo"}),
        ({"design": "d", "notes": ["n", "m"]}, {"design": "d", "notes": "n\nm"}),
        ({"acceptance_criteria": "- [ ] a\n- b"}, {"acceptance_criteria": ("a", "b")}),
        ({"acceptance_criteria": ["a", "b"]}, {"acceptance_criteria": ("a", "b")}),
        ({"dk_forbidden_paths": ["b", "a"]}, {"forbidden_paths": ("b", "a")}),
        (
            {"forbidden_paths": ["a"], "dk_forbidden_paths": "b\na"},
            {"forbidden_paths": ("a", "b")},
        ),
        ({"parent": "x-1"}, {"dk_parent": "x-1"}),
        ({"parent": "x-1", "dk_parent": "x-2"}, {"dk_parent": "x-2"}),
    ],
)
def test_a_field_is_read_for_what_it_means(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    report = read(json.dumps({"id": "x", **fields}))
    assert (report.bad_lines, report.warnings) == ([], [])
    (issue,) = report.issues
    assert {name: getattr(issue, name) for name in expected} == expected


@pytest.mark.parametrize("issue_id", ["a b", "app.core-12", "bd-1.2.3", "Über#7", "x/y", "1", "a:b"])
def test_ids_are_taken_as_they_are(issue_id: str) -> None:
    report = read(
        json.dumps({"id": f" {issue_id} "}), json.dumps({"id": "b", "dependencies": [{"id": issue_id}]})
    )
    assert report.issues[0].id == issue_id
    assert report.issues[1].dependencies[0].depends_on_id == issue_id


def test_a_huge_description_is_kept_whole() -> None:
    report = read(json.dumps({"id": "x", "description": "d" * 2_000_000}))
    assert len(report.issues[0].description) == 2_000_000


def test_a_merge_left_unresolved_keeps_the_newest_of_both_sides() -> None:
    ours, theirs = (
        {"id": "x", "title": side, "updated": day} for side, day in (("o", "2026-01-02"), ("t", "2026-01-01"))
    )
    report = read("<<<<<<< HEAD", json.dumps(ours), "=======", json.dumps(theirs), ">>>>>>> theirs")
    assert [issue.title for issue in report.issues] == ["o"]
    assert [number for number, _ in report.bad_lines] == [1, 3, 5]
    assert report.duplicates == 1


def test_ids_in_lines_that_cannot_be_read_are_made_out_where_they_can() -> None:
    report = read('{"id": "x-1", "title": "cut', '{"title": "t", "id":7,}', "garbage", '{"id": "fine"}')
    assert report.unreadable_ids == {"x-1", "7"}
