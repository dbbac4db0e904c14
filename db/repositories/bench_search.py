"""Search in the list of benches, with what each spent and how many of its runs passed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from db.rows import read_rows
from db.states import BenchKind, BenchState

_MATCHES = """
    (:state = '' OR b.state = :state) AND (:slice = '' OR b.slice = :slice)
    AND strpos(lower(concat_ws(' ', b.bench_id, b.slice, b.strategy, b.kind, b.objective, b.halt_reason)),
               lower(:words)) > 0"""
_SEARCH = sa.text(f"""
    WITH shown AS (SELECT b.* FROM farm.benches b WHERE {_MATCHES} ORDER BY b.bench_no DESC LIMIT :limit OFFSET :start)
    SELECT b.bench_id, b.kind, b.created_at, b.state, b.slice, b.strategy, b.k, b.halt_reason,
           (SELECT count(*) FROM farm.cases c WHERE c.bench_id = b.bench_id) AS cases,
           k.usd_spent AS spent_micro_usd, k.usd_limit AS limit_micro_usd,
           k.usd_reserved AS reserved_micro_usd, k.ms_spent, k.executions_spent
    FROM shown b JOIN farm.caps k ON k.bench_id = b.bench_id
    ORDER BY b.bench_no DESC""")  # noqa: S608
_PASSES = sa.text("""
    SELECT e.bench_id, count(*) AS ended, count(*) FILTER (WHERE o.status <> 'error') AS scored,
           count(*) FILTER (WHERE o.status = 'success') AS passed
    FROM farm.executions e JOIN farm.outcomes o ON o.execution_id = e.execution_id
    WHERE e.bench_id = ANY (:benches) AND e.arm_id IS NOT NULL GROUP BY e.bench_id""")
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
    spent_micro_usd: int
    limit_micro_usd: int | None
    reserved_micro_usd: int
    ms_spent: int
    executions_spent: int


class BenchPasses(NamedTuple):
    """How the executions of arms of a bench ended."""

    bench_id: str
    ended: int
    """Those with an outcome."""
    scored: int
    """Those without an error."""
    passed: int


class BenchSearch:
    """Reads the list of benches, with the rights of a reader."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def page(self, query: BenchQuery, start: int, limit: int) -> list[BenchSummary]:
        """`limit` matching benches from number `start` on, the newest first."""
        values: dict[str, Any] = {**query._asdict(), "start": start, "limit": limit}
        return read_rows(self._engine, BenchSummary, _SEARCH, values)

    def passes(self, bench_ids: Sequence[str]) -> list[BenchPasses]:
        """Counts of those of the benches that have outcomes: reads every outcome of them."""
        return read_rows(self._engine, BenchPasses, _PASSES, {"benches": list(bench_ids)})

    def count(self, query: BenchQuery) -> int:
        """How many benches match."""
        with self._engine.connect() as connection:
            return int(connection.scalar(_COUNT, query._asdict()) or 0)

    def slices(self) -> list[str]:
        """The names of all slices."""
        with self._engine.connect() as connection:
            return list(connection.scalars(_SLICES))
