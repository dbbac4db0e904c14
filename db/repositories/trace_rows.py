"""Which executions to trace: those of a bench, or those whose outcome was recorded lately."""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from db.rows import read_rows

_OF_BENCH = sa.text("""
    SELECT execution_id FROM farm.executions
    WHERE bench_id = :bench AND execution_id > :after AND attempt > 0 ORDER BY execution_id LIMIT :limit""")
_RECORDED = sa.text("""
    SELECT execution_id, recorded_at FROM farm.outcomes
    WHERE recorded_at >= :since AND NOT execution_id = ANY (:known) ORDER BY recorded_at, execution_id LIMIT :limit""")


class RecordedExecution(NamedTuple):
    """An execution that has an outcome."""

    execution_id: int
    recorded_at: datetime


def executions_of(engine: sa.Engine, bench_id: str, after: int, limit: int) -> list[int]:
    """The claimed executions of a bench with ids above `after`, in their order."""
    with engine.connect() as connection:
        return list(connection.scalars(_OF_BENCH, {"bench": bench_id, "after": after, "limit": limit}))


def recorded_since(
    engine: sa.Engine, since: datetime, known: list[int], limit: int
) -> list[RecordedExecution]:
    """The executions whose outcome was recorded at `since` or later, without those of `known`, the first one first."""
    return read_rows(engine, RecordedExecution, _RECORDED, {"since": since, "known": known, "limit": limit})
