"""The coordinator: ticks until it is told to stop."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bench.coordinator.decide import decide
from bench.coordinator.tick import TickReport, tick
from bench.errors import BenchError
from db.repositories.ticks import Ticks
from db.repositories.verdicts import Verdicts
from workers.doorbell import Doorbell

log = logging.getLogger(__name__)

BUSY_SECONDS = 0.25
IDLE_SECONDS = 1.0

# Any constant does; this one spells "tick".
_COORDINATOR_LOCK = 0x7469636B


def make_tick(engine: sa.Engine, bell: Doorbell) -> Callable[[], TickReport]:
    """One tick on `engine` and `bell`, as a call."""
    truth, verdicts = Ticks(engine), Verdicts(engine)
    return lambda: tick(truth, bell, lambda cases: decide(verdicts, cases))


def run_coordinator(one_tick: Callable[[], TickReport], stop: threading.Event) -> None:
    """Tick until `stop`; quicker while there is something to do. A database that is away is waited for."""
    away = False
    while not stop.is_set():
        try:
            report = one_tick()
        except SQLAlchemyError as error:
            if not away:
                log.warning("the database does not answer, waiting: %s", str(error).splitlines()[0])
            away = True
            stop.wait(IDLE_SECONDS)
            continue
        if away:
            log.warning("the database answers again")
        away = False
        if report.bell_error:
            log.warning("%s", report.bell_error)
        stop.wait(IDLE_SECONDS if report.idle else BUSY_SECONDS)


@contextmanager
def sole_coordinator(engine: sa.Engine, standby: threading.Event | None = None) -> Iterator[None]:
    """Be the one standing coordinator of this database, for as long as the session lives.

    Ticks are safe beside each other; a second standing one would only double the load. With `standby` (set when
    waiting should end) this one waits for its turn instead of raising a `BenchError`.
    """
    with engine.connect() as connection:
        # The lock belongs to the session: this one is closed at the end, never handed back to the pool.
        connection.detach()
        while not connection.scalar(sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": _COORDINATOR_LOCK}):
            holder = connection.scalar(
                sa.text("""
                    SELECT a.application_name || ', since ' || to_char(a.backend_start AT TIME ZONE 'UTC',
                           'YYYY-MM-DD HH24:MI "UTC"')
                    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                    WHERE l.locktype = 'advisory' AND l.objid = :key AND l.granted AND l.database =
                          (SELECT oid FROM pg_database WHERE datname = current_database())"""),
                {"key": _COORDINATOR_LOCK},
            )
            connection.rollback()
            if standby is None:
                raise BenchError(
                    f"another coordinator serves this farm already ({holder or 'unknown'});"
                    " stop it first, or start this one with --standby"
                )
            if standby.wait(IDLE_SECONDS):
                return
        connection.commit()
        yield
