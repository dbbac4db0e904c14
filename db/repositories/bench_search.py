"""Search in the list of benches, with what each spent and how many of its runs passed."""

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from db.rows import read_rows
from db.states import BenchKind, BenchState

_MATCHES = """
    (:state = '' OR b.state = :state) AND (:slice = '' OR b.slice = :slice)
    AND strpos(lower(concat_ws(' ', b.bench_id, b.slice, b.strategy, b.kind, b.objective, b.halt_reason)),
               lower(:words)) > 0"""
# Counted for the benches of one page alone.
_SEARCH = sa.text(f"""
    WITH shown AS (SELECT b.* FROM farm.benches b WHERE {_MATCHES} ORDER BY b.bench_no DESC LIMIT :limit OFFSET :start)
    SELECT b.bench_id, b.kind, b.created_at, b.state, b.slice, b.strategy, b.k, b.halt_reason,
           (SELECT count(*) FROM farm.cases c WHERE c.bench_id = b.bench_id) AS cases,
           coalesce(n.ended, 0) AS ended, coalesce(n.scored, 0) AS scored, coalesce(n.passed, 0) AS passed,
           k.usd_spent AS spent_micro_usd, k.usd_limit AS limit_micro_usd
    FROM shown b JOIN farm.caps k ON k.bench_id = b.bench_id
    LEFT JOIN LATERAL (
        SELECT count(*) AS ended, count(*) FILTER (WHERE o.status <> 'error') AS scored,
               count(*) FILTER (WHERE o.status = 'success') AS passed
        FROM farm.executions e JOIN farm.outcomes o ON o.execution_id = e.execution_id
        WHERE e.bench_id = b.bench_id AND e.arm_id IS NOT NULL) n ON true
    ORDER BY b.bench_no DESC""")  # noqa: S608
_COUNT = sa.text(f"SELECT count(*) FROM farm.benches b WHERE {_MATCHES}")  # noqa: S608
_SLICES = sa.text("SELECT DISTINCT slice FROM farm.benches ORDER BY 1 LIMIT 200")


class BenchQuery(NamedTuple):
    """What a listed bench must match; an empty text matches all."""

    state: str = ""
    slice: str = ""
    words: str = ""
    """A part of its id, slice, strategy, kind, objective or halt reason, in any case."""


class BenchSummary(NamedTuple):
    """A bench in the list. Money is in micro-dollars; a limit of None is no cap."""

    bench_id: str
    kind: BenchKind
    created_at: datetime
    state: BenchState
    slice: str
    strategy: str
    k: int
    halt_reason: str | None
    cases: int
    ended: int
    """Executions of arms with an outcome."""
    scored: int
    """Those without an error."""
    passed: int
    spent_micro_usd: int
    limit_micro_usd: int | None


class BenchSearch:
    """Reads the list of benches, with the rights of a reader."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def page(self, query: BenchQuery, start: int, limit: int) -> list[BenchSummary]:
        """`limit` matching benches from number `start` on, the newest first."""
        values: dict[str, Any] = {**query._asdict(), "start": start, "limit": limit}
        return read_rows(self._engine, BenchSummary, _SEARCH, values)

    def count(self, query: BenchQuery) -> int:
        """How many benches match."""
        with self._engine.connect() as connection:
            return int(connection.scalar(_COUNT, query._asdict()) or 0)

    def slices(self) -> list[str]:
        """The names of all slices."""
        with self._engine.connect() as connection:
            return list(connection.scalars(_SLICES))
