"""Dependencies in every form in which backlogs write them, each with its direction."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.intake.beads import ImportReport, read_issues, read_issues_file
from bench.intake.deps_file import DepsReport, read_deps
from bench.intake.errors import IntakeError
from bench.intake.graph import find_blockers

Edges = set[tuple[str, str, str]]


def edges(report: ImportReport) -> Edges:
    return {
        (issue.id, edge.depends_on_id, edge.type) for issue in report.issues for edge in issue.dependencies
    }


def read(*records: dict[str, Any], deps: list[dict[str, Any]] | None = None) -> ImportReport:
    def beside() -> DepsReport | None:
        return None if deps is None else read_deps([json.dumps(d) for d in deps], "deps.jsonl")

    return read_issues([json.dumps(record) for record in records], "f", beside)


BLOCKS = {("b", "a", "blocks")}
CHILD = {("b", "a", "parent-child")}


@pytest.mark.parametrize(
    ("said_by", "fields", "expected"),
    [
        ("b", {"dependencies": [{"issue_id": "b", "depends_on_id": "a", "type": "blocks"}]}, BLOCKS),
        ("b", {"dependencies": [{"depends_on_id": "a"}]}, BLOCKS),
        ("b", {"dependencies": [{"id": "a", "type": "blocks"}]}, BLOCKS),
        ("b", {"dependencies": [{"id": " a ", "type": None}]}, BLOCKS),
        ("b", {"dependencies": [{"id": "a", "dependency_type": "blocked_by"}]}, BLOCKS),
        ("b", {"dependencies": [{"id": "a", "type": "Depends On"}]}, BLOCKS),
        ("b", {"dependencies": ["a"]}, BLOCKS),
        ("b", {"dependencies": ["blocks:a"]}, BLOCKS),
        ("b", {"dependencies": "a"}, BLOCKS),
        ("b", {"depends_on": ["a"]}, BLOCKS),
        ("b", {"blocked_by": "a, "}, BLOCKS),
        ("b", {"dependencies": [{"from": "a", "to": "b", "type": "blocks"}]}, BLOCKS),
        ("b", {"dependencies": ["a", {"id": "a"}], "depends_on": ["a"]}, BLOCKS),
        ("a", {"dependencies": [{"issue_id": "b", "depends_on_id": "a"}]}, BLOCKS),
        ("a", {"dependents": [{"id": "b", "dependency_type": "blocks"}]}, BLOCKS),
        ("a", {"dependents": [{"issue_id": "b", "depends_on_id": "a"}]}, BLOCKS),
        ("a", {"blocks": ["b"]}, BLOCKS),
        ("b", {"dependencies": [{"id": "a", "type": "parent_child"}]}, CHILD),
        ("b", {"dependencies": [{"depends_on_id": "a", "type": "Parent-Child"}]}, CHILD),
        ("b", {"dependencies": [{"id": "a", "type": "child-of"}]}, CHILD),
        ("a", {"dependencies": [{"id": "b", "type": "parent-of"}]}, CHILD),
        ("a", {"dependents": [{"id": "b", "type": "parent-child"}]}, CHILD),
        ("b", {"dependencies": [{"id": "a", "type": "waits_for"}]}, {("b", "a", "waits-for")}),
        (
            "b",
            {"dependencies": [{"id": "a", "type": "conditional_blocks"}]},
            {("b", "a", "conditional-blocks")},
        ),
        ("b", {"dependencies": ["discovered-from:a"]}, {("b", "a", "discovered-from")}),
        ("b", {"dependencies": [{"id": "a", "type": "related"}]}, {("b", "a", "related")}),
        ("b", {"dependencies": None, "depends_on": []}, set()),
    ],
)
def test_a_dependency_inside_an_issue(said_by: str, fields: dict[str, Any], expected: Edges) -> None:
    records = [{"id": "a"}, {"id": "b"}]
    report = read(*(record | fields if record["id"] == said_by else record for record in records))
    assert edges(report) == expected
    assert (report.warnings, report.unknown) == ([], [])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"from": "a", "to": "b", "type": "blocks"}, BLOCKS),
        ({"from": "a", "to": "b"}, BLOCKS),
        ({"from_id": "a", "to_id": "b", "dep_type": "blocks"}, BLOCKS),
        ({"from": "b", "to": "a", "type": "blocked-by"}, BLOCKS),
        ({"from": "b", "to": "a", "type": "depends_on"}, BLOCKS),
        ({"issue_id": "b", "depends_on_id": "a", "type": "blocks"}, BLOCKS),
        ({"from": "a", "to": "b", "type": "parent_child"}, CHILD),
        ({"from": "a", "to": "b", "type": "parent-of"}, CHILD),
        ({"from": "b", "to": "a", "type": "child-of"}, CHILD),
        ({"from": "a", "to": "b", "type": "waits-for"}, {("b", "a", "waits-for")}),
        ({"from": "a", "to": "b", "type": "conditional-blocks"}, {("b", "a", "conditional-blocks")}),
        ({"from": "a", "to": "b", "type": "related"}, {("b", "a", "related")}),
    ],
)
def test_a_line_of_the_file_of_dependencies(line: dict[str, Any], expected: Edges) -> None:
    assert edges(read({"id": "a"}, {"id": "b"}, deps=[line])) == expected


def test_ids_that_are_numbers_are_the_same_in_both_files() -> None:
    report = read({"id": 1}, {"id": "2", "depends_on": [1]}, {"id": 3}, deps=[{"from": 2, "to": "3"}])
    assert edges(report) == {("2", "1", "blocks"), ("3", "2", "blocks")}
    assert find_blockers(report.issues) == {"2": ("1",), "3": ("2",)}


def test_both_places_are_added_up_without_repetition() -> None:
    records: list[dict[str, Any]] = [
        {"id": "a"},
        {"id": "b", "dk_parent": "a", "depends_on": ["a"]},
        {"id": "c"},
    ]
    report = read(
        *records, deps=[{"from": "a", "to": "b"}, {"from": "b", "to": "c"}, {"from": "b", "to": "c"}]
    )
    assert edges(report) == {("b", "a", "blocks"), ("c", "b", "blocks")}
    assert report.issues[1].dk_parent == "a"
    assert report.deps is not None
    assert len(report.deps.edges) == 2


def test_dirty_lines_are_named_and_the_rest_counts() -> None:
    lines = [
        b'\xef\xbb\xbf{"from": "a", "to": "b"}\r\n',
        b"\n",
        b"<<<<<<< HEAD\n",
        b"# a comment\n",
        b'{"from": "a"}\n',
        b'{"from": "b", "to": "c"},\n',
        b"[]\n",
        b'{"from": "b", "to": "c"}',
    ]
    report = read_deps(lines, "deps.jsonl")
    assert [(edge.depends_on_id, edge.issue_id) for edge in report.edges] == [("a", "b"), ("b", "c")]
    assert [number for number, _ in report.bad_lines] == [3, 4, 5, 6, 7]
    assert dict(report.bad_lines)[5].startswith("names no two issues; write")


def test_ends_that_are_no_issue_are_named_and_block_nothing() -> None:
    deps = [
        {"from": "gone", "to": "a"},
        {"from": "a", "to": "lost"},
        {"from": "x", "to": "a", "type": "related"},
    ]
    report = read({"id": "a"}, deps=deps)
    named = {(edge.issue_id, edge.depends_on_id) for edge in report.unknown}
    assert named == {("a", "gone"), ("lost", "a")}
    assert find_blockers(report.issues) == {}


def test_of_a_repeated_id_only_the_newest_line_says_what_waits() -> None:
    old = {"id": "a", "updated": "2026-01-01", "blocks": ["b"], "depends_on": ["b"]}
    report = read(old, {"id": "b"}, {"id": "a", "updated": "2026-01-02"})
    assert edges(report) == set()


def test_the_file_beside_the_issues_is_read_whatever_theirs_is_called(tmp_path: Path) -> None:
    issues = tmp_path / "export.jsonl"
    issues.write_text('{"id": "a"}\n{"id": "b"}\n')
    assert read_issues_file(issues).deps is None
    (tmp_path / "deps.jsonl").write_text('{"from": "a", "to": "b"}\n', encoding="utf-16")
    assert edges(read_issues_file(issues)) == BLOCKS


@pytest.mark.parametrize("kind", ["directory", "dangling"])
def test_a_file_of_dependencies_that_cannot_be_read_stops_the_import(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "deps.jsonl"
    if kind == "directory":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    (tmp_path / "issues.jsonl").write_text('{"id": "a"}\n')
    with pytest.raises(IntakeError, match=r"deps\.jsonl: .*; make it readable, or move it away"):
        read_issues_file(tmp_path / "issues.jsonl")
