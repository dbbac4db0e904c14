"""A landing is reported once it is over, in one line that leads to the commit."""

from typing import Any

import pytest

from bench.landing.reported import as_reported
from db.repositories.landings import Landing


def _landing(**values: Any) -> Landing:
    empty = dict.fromkeys(Landing._fields)
    given = {"case_id": 1, "issue_id": "dep-1", "mode": "branch", "state": "landed", "commit_id": "c" * 40}
    return Landing(**{**empty, **given, **values})


@pytest.mark.parametrize(
    ("landing", "text"),
    [
        (_landing(), "branch bench/dep-1"),
        (
            _landing(mode="pr", url="https://example.org/pull/7"),
            "branch bench/dep-1, https://example.org/pull/7",
        ),
        (
            _landing(mode="merge", target="main", merge_id="d" * 40),
            "branch bench/dep-1, merged into main as dddddddddddd",
        ),
    ],
)
def test_one_that_is_over_leads_to_its_commit(landing: Landing, text: str) -> None:
    reported = as_reported(landing)
    assert (reported.text, reported.is_over, reported.needs_person) == (text, True, False)


@pytest.mark.parametrize("state", ["queued", "checking"])
def test_one_on_its_way_is_not_over(state: Any) -> None:
    assert not as_reported(_landing(mode="merge", state=state)).is_over


def test_one_that_is_held_needs_a_person_with_the_reason() -> None:
    reported = as_reported(_landing(state="held", reason="conflict in money.py"))
    assert (reported.text, reported.is_over, reported.needs_person) == ("conflict in money.py", True, True)
