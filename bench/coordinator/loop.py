"""The coordinator loop: ticks until it is stopped, with leader election among coordinators."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bench.coordinator.race import run_race
from bench.coordinator.tick import TickReport, tick
from bench.errors import BenchError
from bench.experiment.decide import decide
from db.leader_election import LeaderElection
from db.repositories.races import BenchRaces
from db.repositories.ticks import Ticks
from db.repositories.verdicts import Verdicts
from workers.broker.doorbell import Doorbell

log = logging.getLogger(__name__)

BUSY_SECONDS = 0.25
IDLE_SECONDS = 1.0


def make_tick(engine: sa.Engine, bell: Doorbell) -> Callable[[], TickReport]:
    """Returns a call that runs one tick on `engine` and `bell`."""
    state, verdicts, races = Ticks(engine), Verdicts(engine), BenchRaces(engine)
    return lambda: tick(
        state, bell, lambda cases: decide(verdicts, cases), lambda bench_id: run_race(races, bench_id)
    )


def run_coordinator(
    one_tick: Callable[[], TickReport],
    stop: threading.Event,
    is_leader: Callable[[], bool] = lambda: True,
) -> None:
    """Run ticks until `stop` is set: every `BUSY_SECONDS` while something changes, else every `IDLE_SECONDS`.

    Retries while the database is unavailable. The leadership may be lost with the database; no tick runs without it.
    """
    unavailable = False
    paused: dict[str, str] = {}
    while not stop.is_set():
        try:
            report = one_tick() if is_leader() else TickReport()
        except SQLAlchemyError as error:
            if not unavailable:
                log.warning("the database does not answer, waiting: %s", str(error).splitlines()[0])
            unavailable = True
            stop.wait(IDLE_SECONDS)
            continue
        if unavailable:
            log.warning("the database answers again")
        unavailable = False
        paused = _log_pauses(paused, report.paused)
        if report.bell_error:
            log.warning("%s", report.bell_error)
        log.log(
            logging.DEBUG if report.idle else logging.INFO, "tick: %s", report, extra={"tick": asdict(report)}
        )
        stop.wait(IDLE_SECONDS if report.idle else BUSY_SECONDS)


def _log_pauses(before: dict[str, str], now: dict[str, str] | None) -> dict[str, str]:
    """Log the classes that were paused or resumed since the last tick; returns those that are paused now."""
    if now is None:
        return before
    for name in now.keys() - before.keys():
        log.warning("paused: %s", now[name], extra={"class": name})
    for name in before.keys() - now.keys():
        log.warning("class %s runs again", name, extra={"class": name})
    return now


@contextmanager
def sole_coordinator(engine: sa.Engine, standby: threading.Event | None = None) -> Iterator[LeaderElection]:
    """Leader election among the coordinators of this database: the leader while the block runs.

    Concurrent ticks are safe; a second coordinator would only double the load. With `standby` (set when waiting should
    end) waits to become the leader; without it raises `BenchError` where another coordinator is.
    """
    election = LeaderElection(engine)
    try:
        if standby is not None:
            while not standby.is_set() and not _is_leader(election):
                standby.wait(IDLE_SECONDS)
        elif not election.is_leader():
            raise BenchError(
                f"another coordinator serves this farm already ({election.leader()});"
                " stop it first, or start this one with --standby"
            )
        yield election
    finally:
        election.resign()


def _is_leader(election: LeaderElection) -> bool:
    try:
        return election.is_leader()
    except SQLAlchemyError:
        return False
