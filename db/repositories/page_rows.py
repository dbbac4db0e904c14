"""Rows of the page: caps, the matrix of cases and arms, and what a bench was charged over time.

Money is in micro-dollars, times are in UTC.
"""

from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from db.rows import read_rows
from db.states import CaseState, ExecutionState
from planner.documents.statuses import OutcomeStatus

_CAPS = sa.text("""
    SELECT s.scope, s.bench_id, s.day, s.limit_micro_usd, s.spent_micro_usd, s.reserved_micro_usd
    FROM report.spend_against_caps s LEFT JOIN report.benches b USING (bench_id)
    WHERE (s.scope = 'day' AND s.day = (now() AT TIME ZONE 'UTC')::date)
       OR (s.scope = 'bench' AND b.state IN ('open', 'halted'))
    ORDER BY s.scope DESC, s.bench_id DESC LIMIT :limit""")
_ACTIONS = sa.text("""
    SELECT DISTINCT a.canonical_rank FROM farm.arms a JOIN farm.cases c USING (case_id)
    WHERE c.bench_id = :bench ORDER BY 1""")
_MATRIX = sa.text("""
    WITH shown AS (SELECT c.case_id, c.issue_id, c.state, c.admission_rank FROM farm.cases c
                   WHERE c.bench_id = :bench ORDER BY c.admission_rank, c.case_id LIMIT :limit OFFSET :start)
    SELECT s.case_id, s.issue_id, s.state AS case_state, a.canonical_rank, e.execution_id, e.replicate, e.state,
           o.status, o.error_class, coalesce(v.winner_arm_id = a.arm_id, false) AS is_winner
    FROM shown s
    LEFT JOIN farm.arms a ON a.case_id = s.case_id
    LEFT JOIN farm.executions e ON e.arm_id = a.arm_id AND e.case_id = s.case_id
    LEFT JOIN farm.outcomes o ON o.execution_id = e.execution_id
    LEFT JOIN farm.verdicts v ON v.case_id = s.case_id
    ORDER BY s.admission_rank, s.case_id, a.canonical_rank, e.replicate""")
_SPEND = sa.text("""
    SELECT to_timestamp(min(extract(epoch FROM recorded_at))) AS at, sum(charged_micro_usd)::bigint AS micro_usd
    FROM (SELECT o.recorded_at, o.charged_micro_usd, ntile(:points) OVER (ORDER BY o.recorded_at) AS bin
          FROM farm.executions e JOIN farm.outcomes o USING (execution_id) WHERE e.bench_id = :bench) binned
    GROUP BY bin ORDER BY bin""")


class CapRow(NamedTuple):
    """A cap that holds now: of the day, or of a bench that is not over."""

    scope: str
    bench_id: str | None
    day: date | None
    limit_micro_usd: int | None
    spent_micro_usd: int
    reserved_micro_usd: int


class MatrixRow(NamedTuple):
    """One execution in the matrix; None in its columns: the case has no arms."""

    case_id: int
    issue_id: str
    case_state: CaseState
    canonical_rank: int | None
    execution_id: int | None
    replicate: int | None
    state: ExecutionState | None
    status: OutcomeStatus | None
    error_class: str | None
    is_winner: bool


class SpendRow(NamedTuple):
    """What a stretch of a bench's outcomes was charged, and when the first of them was recorded."""

    at: datetime
    micro_usd: int


class PageRows:
    """Reads rows for the page, with the rights of a reader."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def caps(self, limit: int = 50) -> list[CapRow]:
        """The day's cap, then those of open benches, the newest first."""
        return read_rows(self._engine, CapRow, _CAPS, {"limit": limit})

    def actions(self, bench_id: str) -> list[int]:
        """The canonical ranks of the actions that any case of a bench has an arm of."""
        with self._engine.connect() as connection:
            return list(connection.scalars(_ACTIONS, {"bench": bench_id}))

    def matrix(self, bench_id: str, start: int, limit: int) -> list[MatrixRow]:
        """The executions of `limit` cases from number `start` on, in the order of admission."""
        values: dict[str, Any] = {"bench": bench_id, "start": start, "limit": limit}
        return read_rows(self._engine, MatrixRow, _MATRIX, values)

    def spend(self, bench_id: str, points: int = 200) -> list[SpendRow]:
        """Charges of a bench over time, in at most `points` stretches with about as many outcomes each."""
        return read_rows(self._engine, SpendRow, _SPEND, {"bench": bench_id, "points": points})
