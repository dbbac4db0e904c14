"""What becomes of a stored issue when another state of it is imported, and when an export may close issues."""

from typing import Any

import pytest

from bench.intake.beads import ImportReport, read_issues
from bench.intake.changes import IssueChange, Older, closed_by_prune, compare, why_not_prune
from bench.intake.issue import Issue

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z"


def document(**fields: Any) -> dict[str, Any]:
    return Issue.model_validate({"id": "a", **fields}).document()


@pytest.mark.parametrize(
    ("stored", "given", "outcome"),
    [
        (EARLY, LATE, IssueChange),
        (EARLY, EARLY, IssueChange),
        (LATE, EARLY, Older),
        (None, EARLY, IssueChange),
        (EARLY, None, IssueChange),
        (None, None, IssueChange),
    ],
)
def test_the_state_that_was_updated_last_counts(
    stored: str | None, given: str | None, outcome: type[IssueChange | Older]
) -> None:
    old, new = document(updated=stored, status="open"), document(updated=given, status="closed")
    assert isinstance(compare("a", old, new, force=False), outcome)
    assert isinstance(compare("a", old, new, force=True), IssueChange)


def test_what_an_earlier_version_stored_is_no_change() -> None:
    stored = document(title="t")
    del stored["design"], stored["notes"]
    assert compare("a", stored, document(title="t"), force=False) is None


def test_a_change_names_its_fields_and_shows_short_values() -> None:
    old = document(status="open", dk_priority="P2", description="long", updated=EARLY)
    new = document(status="closed", dk_priority="P0", description="longer", updated=LATE)
    change = compare("a", old, new, force=False)
    assert isinstance(change, IssueChange)
    assert change.words() == "a: status open → closed, dk_priority P2 → P0, description"
    assert change.document()["fields"]["description"] == {"from": "long", "to": "longer"}
    only_time = compare("a", document(updated=EARLY), document(updated=LATE), force=False)
    assert isinstance(only_time, IssueChange)
    assert only_time.words() == "a: updated"


def test_what_was_closed_because_it_left_comes_back_with_the_same_time() -> None:
    export = document(updated=EARLY, extra={"assignee": "ann"})
    closed = closed_by_prune(export)
    assert Issue.from_document(closed).is_closed
    assert closed["extra"]["assignee"] == "ann"
    change = compare("a", closed, export, force=False)
    assert isinstance(change, IssueChange)
    assert change.fields["status"] == ("closed", "open")


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], "no issue"),
        (['{"_type": "memory", "id": "m"}\n'], "no issue"),
        (['{"id": "a"}\n', "x\n", "y\n"], "2 of its 3 lines"),
        (['{"id": "a"}\n', '{"id": "b"}\n', '{"id": "c", "tit'], "cut off (line 3)"),
        (['{"id": "a"}\n', "x\n"], None),
        (['{"id": "a"}\n', "x\n", '{"id": "b"}'], None),
        (['{"id": "a"}'], None),
    ],
)
def test_a_file_that_may_lack_issues_by_mistake_closes_none(lines: list[str], reason: str | None) -> None:
    report: ImportReport = read_issues(lines, "f")
    refusal = why_not_prune(report)
    assert (refusal is None) == (reason is None)
    assert reason is None or reason in str(refusal)
