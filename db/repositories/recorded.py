"""Recorded candidates with their work orders: all that their archives were made of."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

Json = dict[str, Any]
_AT_ONCE: Final = 200
# The order as it was leased, except for attempt and token, which are the execution's latest.
_NEXT = sa.text("""
    SELECT k.execution_id, k.attempt, k.candidate, k.document,
           farm.work_order(k.execution_id, 0)
               || jsonb_build_object('attempt', k.attempt, 'lease_token', t.lease_token) AS work_order
    FROM farm.candidates k JOIN farm.attempts t USING (execution_id, attempt)
    WHERE (k.execution_id, k.attempt, k.candidate) > (:execution, :attempt, :candidate)
      AND (CAST(:bench AS text) IS NULL
           OR k.execution_id IN (SELECT execution_id FROM farm.executions WHERE bench_id = :bench))
    ORDER BY k.execution_id, k.attempt, k.candidate LIMIT :at_once""")
_COUNT = sa.text("""
    SELECT count(*) FROM farm.candidates k
    WHERE CAST(:bench AS text) IS NULL
       OR k.execution_id IN (SELECT execution_id FROM farm.executions WHERE bench_id = :bench)""")


class RecordedCandidate(NamedTuple):
    """One candidate of one attempt, whatever became of the attempt."""

    execution_id: int
    attempt: int
    candidate: int
    work_order: Json
    result: Json


def count_candidates(engine: sa.Engine, bench_id: str | None = None) -> int:
    """Number of recorded candidates, or of those of a bench."""
    with engine.connect() as connection:
        return int(connection.execute(_COUNT, {"bench": bench_id}).scalar_one())


def recorded_candidates(engine: sa.Engine, bench_id: str | None = None) -> Iterator[RecordedCandidate]:
    """All of them, or those of a bench, by execution, attempt and number; a few hundred are held at a time."""
    after = {"execution": 0, "attempt": 0, "candidate": 0}
    while True:
        with engine.connect() as connection:
            rows = connection.execute(_NEXT, {**after, "bench": bench_id, "at_once": _AT_ONCE}).all()
        for row in rows:
            yield RecordedCandidate(
                row.execution_id, row.attempt, row.candidate, row.work_order, row.document
            )
        if not rows:
            return
        last = rows[-1]
        after = {"execution": last.execution_id, "attempt": last.attempt, "candidate": last.candidate}
