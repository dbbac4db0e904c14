"""An issue has a final result where no further run follows, and none where a person changed it since."""

from datetime import UTC, datetime, timedelta

import pytest

from bench.intake.issue import Issue
from bench.stream.board import Board
from db.repositories.streams import BacklogIssue, PastRuns

IMPORTED = datetime(2026, 3, 1, tzinfo=UTC)
BEFORE, AFTER = IMPORTED - timedelta(hours=1), IMPORTED + timedelta(hours=1)


@pytest.mark.parametrize(
    ("runs", "finished", "solved", "invalid", "final"),
    [
        (1, AFTER, AFTER, None, "solved"),
        (1, AFTER, None, AFTER, "invalid"),
        (2, AFTER, None, None, "not solved"),
        (1, AFTER, None, None, None),
        (2, BEFORE, BEFORE, None, None),
        (3, BEFORE, None, BEFORE, None),
        (3, AFTER, BEFORE, None, "not solved"),
    ],
)
def test_the_final_result_of_an_issue(
    runs: int, finished: datetime, solved: datetime | None, invalid: datetime | None, final: str | None
) -> None:
    board = Board(2)
    board.load([BacklogIssue("a", Issue(id="a").document(), IMPORTED, "issues.jsonl")])
    assert board.final_result("a") is None
    board.add_finished([PastRuns("a", runs, finished, solved, invalid)])
    assert board.final_result("a") == final
    assert board.final_result("b") is None
