"""Queries and transitions of a coordinator's tick. Each is idempotent and safe to interrupt or to repeat."""

from dataclasses import dataclass
from itertools import takewhile
from typing import cast

import sqlalchemy as sa

from db.engine import call, transaction
from db.repositories.brake import brake
from db.repositories.circuits import Circuits, PausedClass

_REAP_AT_ONCE = 500

# Without limits a case is admitted as soon as its gates were checked. Under a limit the admission goes strictly
# in the seeded order, so that what a cap cuts off depends neither on outcomes nor on how fast a check was.
# A race admits no more than its machines can start on: every case that waits may still be spared an arm.
_NEXT_CASE = sa.text("""
    SELECT c.case_id, c.state FROM farm.cases c JOIN farm.benches b USING (bench_id)
    WHERE c.bench_id = :bench AND c.state IN ('checking', 'pending') AND (b.race IS NULL OR (
        SELECT count(*) FROM farm.cases o JOIN farm.executions e USING (case_id)
        WHERE o.bench_id = :bench AND o.state = 'admitted' AND e.state = 'ready' AND e.arm_id IS NOT NULL
    ) < greatest(1, (SELECT sum(concurrency) FROM farm.machines
                     WHERE NOT suspended AND seen_at > now() - interval '1 minute')))
    ORDER BY c.admission_rank LIMIT 1""")
_PENDING_CASES = sa.text("""
    SELECT case_id FROM farm.cases k WHERE bench_id = :bench AND state = 'pending' AND NOT EXISTS (
        SELECT FROM farm.executions e JOIN farm.circuits c USING (queue)
        WHERE e.case_id = k.case_id AND e.state = 'pending' AND farm.is_held_back(c))
    ORDER BY admission_rank LIMIT 1000""")
_OPEN_BENCHES = sa.text("""
    SELECT b.bench_id, b.state, b.race IS NOT NULL AS racing,
           EXISTS (SELECT FROM farm.caps k LEFT JOIN farm.cases c ON c.case_id = k.case_id
                   WHERE (k.bench_id = b.bench_id OR c.bench_id = b.bench_id OR k.day IS NOT NULL)
                     AND coalesce(k.usd_limit, k.ms_limit, k.executions_limit) IS NOT NULL) AS limited
    FROM farm.benches b WHERE b.state IN ('open', 'halted') ORDER BY b.bench_no""")

_OVER = """
    SELECT b.bench_id FROM farm.benches b
    WHERE b.state = 'open' AND b.kind = 'bench' AND NOT EXISTS (
        SELECT FROM farm.cases c
        WHERE c.bench_id = b.bench_id AND c.state IN ('checking', 'pending', 'admitted'))"""


@dataclass(frozen=True)
class OpenBench:
    """A bench that is not over."""

    bench_id: str
    halted: bool
    limited: bool
    """Whether any cap could refuse one of its cases."""
    racing: bool = False
    """Whether arms are dropped on the way, so that no case is admitted before its turn."""


class Ticks:
    """Admission, reaping, braking, and finding what is finished."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def open_benches(self) -> list[OpenBench]:
        """Benches that are not over, in the order of their submission."""
        with self._engine.connect() as connection:
            rows = connection.execute(_OPEN_BENCHES).mappings().all()
        return [
            OpenBench(row["bench_id"], row["state"] == "halted", row["limited"], row["racing"])
            for row in rows
        ]

    def next_case(self, bench_id: str) -> tuple[int, str] | None:
        """The first case in admission order that is neither admitted nor over, with its state."""
        with self._engine.connect() as connection:
            row = connection.execute(_NEXT_CASE, {"bench": bench_id}).first()
        return None if row is None else (row.case_id, row.state)

    def pending_cases(self, bench_id: str) -> list[int]:
        """Cases that wait for admission, first come first, at most 1,000; without those whose class is paused."""
        with self._engine.connect() as connection:
            return list(connection.scalars(_PENDING_CASES, {"bench": bench_id}))

    def admit(self, case_id: int) -> str:
        """Reserve and make ready all of a case, or nothing: 'admitted', 'waits: …', 'never: …' or 'gone'."""
        return cast(str, call(self._engine, sa.text("SELECT farm.admit_case(:case)"), {"case": case_id}))

    def take_back(self, bench_id: str) -> int:
        """Return to pending what a halted bench had ready; how many executions."""
        return cast(int, call(self._engine, sa.text("SELECT farm.take_back(:bench)"), {"bench": bench_id}))

    def brake(self) -> int:
        """Stop what is admitted or runs beyond a lowered cap of the day; how many executions."""
        return sum(brake(self._engine))

    def reap(self) -> int:
        """Take back executions whose lease ran out, each in its own transaction; how many."""
        return sum(1 for _ in takewhile(bool, (self._reap_one() for _ in range(_REAP_AT_ONCE))))

    def _reap_one(self) -> bool:
        return cast(bool, call(self._engine, sa.text("SELECT farm.reap_expired()"), {}))

    def ready_by_queue(self, window: int) -> dict[str, int]:
        """Executions of each capability class that can be leased now, counted up to `window`.

        Of a paused class these are the checks of base commits, and one probe where one is due.
        """
        statement = sa.text("""
            SELECT q.queue, (SELECT count(*) FROM (
                SELECT FROM farm.executions e
                WHERE e.state = 'ready' AND e.queue = q.queue AND (e.not_before IS NULL OR e.not_before <= now())
                  AND (c.queue IS NULL OR e.arm_id IS NULL)
                LIMIT :window) ready)
                + CASE WHEN c.queue IS NOT NULL AND farm.probe_is_due(q.queue) AND EXISTS (
                    SELECT FROM farm.executions e
                    WHERE e.state = 'ready' AND e.queue = q.queue AND e.arm_id IS NOT NULL
                      AND (e.not_before IS NULL OR e.not_before <= now())) THEN 1 ELSE 0 END AS n
            FROM farm.queues q LEFT JOIN farm.circuits c ON c.queue = q.queue AND c.opened_at IS NOT NULL""")
        with self._engine.connect() as connection:
            rows = connection.execute(statement, {"window": window})
            return {row.queue: row.n for row in rows if row.n}

    def paused_classes(self) -> list[PausedClass]:
        """The capability classes whose circuit is open."""
        return Circuits(self._engine).paused()

    def decidable_cases(self, limit: int = 200) -> list[int]:
        """Cases whose arms have all ended and whose winner is not chosen yet."""
        statement = sa.text("""
            SELECT c.case_id FROM farm.benches b JOIN farm.cases c USING (bench_id)
            WHERE b.state IN ('open', 'halted') AND c.state = 'admitted' AND c.open_executions = 0
            ORDER BY c.case_id LIMIT :limit""")
        with self._engine.connect() as connection:
            return list(connection.scalars(statement, {"limit": limit}))

    def finish_benches(self) -> list[str]:
        """Close open benches whose every case is over; their ids."""
        with transaction(self._engine) as connection:
            over = list(connection.scalars(sa.text(f"{_OVER} ORDER BY b.bench_no FOR NO KEY UPDATE")))
            # Looked at again under the lock: a resume may just have reopened cases.
            finish = sa.text(
                "UPDATE farm.benches SET state = 'finished', finished_at = now()"  # noqa: S608  # no data in it
                f" WHERE bench_id = ANY (:over) AND bench_id IN ({_OVER}) RETURNING bench_id"
            )
            return list(connection.scalars(finish, {"over": over})) if over else []
