"""Commit-ordered sequence numbers of closed cases, for incremental exports (the relay of a transactional outbox)."""

from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from db.engine import transaction
from db.rows import read_first, read_rows

_LOCK: Final = sa.text("LOCK TABLE farm.label_positions IN SHARE ROW EXCLUSIVE MODE")
# Closed for good: a case that caps had skipped can be reopened, but has no outcome. A stream tries one arm a case.
_ASSIGN: Final = sa.text("""
    INSERT INTO farm.label_positions (case_id)
    SELECT c.case_id FROM farm.cases c JOIN farm.benches b USING (bench_id)
    WHERE b.kind = 'bench' AND c.state IN ('finished', 'cancelled') AND c.open_executions = 0
      AND NOT EXISTS (SELECT FROM farm.label_positions p WHERE p.case_id = c.case_id)
      AND EXISTS (SELECT FROM farm.executions e JOIN farm.outcomes o USING (execution_id)
                  WHERE e.case_id = c.case_id AND e.arm_id IS NOT NULL)
    ORDER BY c.finished_at, c.case_id""")
_LAST: Final = sa.text("SELECT coalesce(max(position), 0) FROM farm.label_positions")
_COLUMNS: Final = """
    SELECT p.position, p.case_id, c.bench_id, c.issue_id, p.assigned_at
    FROM farm.label_positions p JOIN farm.cases c USING (case_id)"""
_AT: Final = sa.text(f"{_COLUMNS} WHERE p.position = :position")
_BETWEEN: Final = sa.text(
    f"{_COLUMNS} WHERE p.position > :after AND p.position <= :through ORDER BY p.position"
)


class LabelPosition(NamedTuple):
    """A closed case with its place in the sequence."""

    position: int
    case_id: int
    bench_id: str
    issue_id: str
    assigned_at: datetime


class LabelPositions:
    """The sequence of closed cases."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def advance(self) -> int:
        """Number the closed cases that have no position yet.

        The lock is held until the commit, and the cases are read after it is taken. So positions have the order of
        these transactions: what is visible up to the returned position is complete and final, however the
        transactions that closed the cases overlapped.

        Returns the last position, 0 where no case has closed.
        """
        with transaction(self._engine) as connection:
            connection.execute(_LOCK)
            connection.execute(_ASSIGN)
            return int(connection.scalar(_LAST) or 0)

    def at(self, position: int) -> LabelPosition | None:
        """The case at a position; None where there is none."""
        return read_first(self._engine, LabelPosition, _AT, {"position": position})

    def between(self, after: int, through: int) -> list[LabelPosition]:
        """The cases after the one position, through the other, in order."""
        values: dict[str, Any] = {"after": after, "through": through}
        return read_rows(self._engine, LabelPosition, _BETWEEN, values)
