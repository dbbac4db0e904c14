"""Circuit breakers: the capability classes that are paused because their provider fails."""

from datetime import datetime
from typing import NamedTuple, cast

import sqlalchemy as sa

from db.engine import call
from db.rows import read_rows

_PAUSED = """
    SELECT c.queue, c.opened_at, c.failures, coalesce(c.reason, '') AS reason, c.probe_at,
           farm.probe_runs(c) AS probe_runs,
           (SELECT count(*) FROM farm.executions e
            WHERE e.queue = c.queue AND e.state IN ('pending', 'ready') AND e.arm_id IS NOT NULL
              AND e.bench_id = coalesce(:bench, e.bench_id)) AS waiting
    FROM farm.circuits c WHERE c.opened_at IS NOT NULL"""
_ALL = sa.text(f"{_PAUSED} ORDER BY c.queue")
_OF_BENCH = sa.text(f"SELECT * FROM ({_PAUSED}) paused WHERE waiting > 0 ORDER BY queue")  # noqa: S608


class PausedClass(NamedTuple):
    """A capability class whose circuit is open."""

    queue: str
    opened_at: datetime
    failures: int
    """Of its provider, since the last result."""
    reason: str
    """The message of the last failure."""
    probe_at: datetime
    """When one execution tries the provider again."""
    probe_runs: bool
    waiting: int
    """Executions of arms that wait: all of the class, or those of one bench."""


class Circuits:
    """Circuit breakers of the farm."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def paused(self) -> list[PausedClass]:
        """The classes that are paused, by name."""
        return read_rows(self._engine, PausedClass, _ALL, {"bench": None})

    def paused_of(self, bench_id: str) -> list[PausedClass]:
        """The paused classes that executions of a bench wait for, by name."""
        return read_rows(self._engine, PausedClass, _OF_BENCH, {"bench": bench_id})

    def close(self, queue: str) -> bool:
        """Close the circuit of a class; False where it was not open."""
        return cast(bool, call(self._engine, sa.text("SELECT farm.close_circuit(:queue)"), {"queue": queue}))
