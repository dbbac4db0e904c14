"""The coordinator: ticks until it is told to stop."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from bench.coordinator.race import run_race
from bench.coordinator.tick import TickReport, tick
from bench.coordinator.turn import Turn
from bench.errors import BenchError
from bench.experiment.decide import decide
from db.repositories.races import Races
from db.repositories.ticks import Ticks
from db.repositories.verdicts import Verdicts
from workers.broker.doorbell import Doorbell

log = logging.getLogger(__name__)

BUSY_SECONDS = 0.25
IDLE_SECONDS = 1.0


def make_tick(engine: sa.Engine, bell: Doorbell) -> Callable[[], TickReport]:
    """One tick on `engine` and `bell`, as a call."""
    truth, verdicts, races = Ticks(engine), Verdicts(engine), Races(engine)
    return lambda: tick(
        truth, bell, lambda cases: decide(verdicts, cases), lambda bench_id: run_race(races, bench_id)
    )


def run_coordinator(
    one_tick: Callable[[], TickReport],
    stop: threading.Event,
    is_my_turn: Callable[[], bool] = lambda: True,
) -> None:
    """Tick until `stop`; quicker while there is something to do. A database that is away is waited for.

    The turn may be lost with the database; then it is waited for as well.
    """
    away = False
    while not stop.is_set():
        try:
            report = one_tick() if is_my_turn() else TickReport()
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
        log.log(
            logging.DEBUG if report.idle else logging.INFO, "tick: %s", report, extra={"tick": asdict(report)}
        )
        stop.wait(IDLE_SECONDS if report.idle else BUSY_SECONDS)


@contextmanager
def sole_coordinator(engine: sa.Engine, standby: threading.Event | None = None) -> Iterator[Turn]:
    """Be the one standing coordinator of this database, for as long as the turn lasts.

    Ticks are safe beside each other; a second standing one would only double the load. With `standby` (set when
    waiting should end) this one waits for its turn instead of raising a `BenchError`.
    """
    turn = Turn(engine)
    try:
        if standby is not None:
            while not standby.is_set() and not _is_mine(turn):
                standby.wait(IDLE_SECONDS)
        elif not turn.is_mine():
            raise BenchError(
                f"another coordinator serves this farm already ({turn.holder()});"
                " stop it first, or start this one with --standby"
            )
        yield turn
    finally:
        turn.give_up()


def _is_mine(turn: Turn) -> bool:
    try:
        return turn.is_mine()
    except SQLAlchemyError:
        return False
