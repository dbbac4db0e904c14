"""Where a command finds its farm: the fleet of the environment, or the embedded one of this directory."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from bench.embedded.farm import EmbeddedFarm
from bench.embedded.libpq import forget_libpq_variables
from bench.embedded.parts import start_parts, worker_url
from bench.errors import BenchError, FailureError
from db.engine import open_engine
from db.upgrade import check, standing, upgrade
from planner.cli.output import echo
from workers.doorbell import Doorbell

FARM_DIRECTORY = Path(".bench")


def note(line: str) -> None:
    """A line for the person at the terminal; never on standard output, which programs may read."""
    echo(line, err=True)


@dataclass
class Farm:
    """An open farm."""

    database_url: str
    broker_url: str | None
    embedded: EmbeddedFarm | None

    @cached_property
    def engine(self) -> sa.Engine:
        """Connections as the farm's owner."""
        return open_engine(
            self.database_url, f"bench {Path(sys.argv[0]).name} {os.uname().nodename[:32]}:{os.getpid()}"
        )

    @cached_property
    def bell(self) -> Doorbell:
        """The doorbell of this farm's broker."""
        from workers.celery_app import make_app
        from workers.doorbell import CeleryDoorbell

        if self.broker_url is None:
            raise BenchError("BENCH_BROKER_URL is not set; a fleet needs it beside BENCH_DATABASE_URL")
        return CeleryDoorbell(make_app(self.broker_url))

    def start_parts(self, slots: int | None = None) -> None:
        """See that a coordinator and a worker run, where the farm is embedded."""
        if self.embedded is not None and self.broker_url is not None:
            url = worker_url(self.embedded, self.engine)
            start_parts(self.embedded, self.database_url, url, self.broker_url, slots)


@contextmanager
def open_farm(*, checked: bool = True) -> Iterator[Farm]:
    """The farm of this environment, its servers running and, where `checked`, its schema current.

    An embedded database is brought to this version without a question; a fleet's is only checked.
    """
    farm = _fleet() if os.environ.get("BENCH_DATABASE_URL") else _embedded()
    try:
        if checked:
            _make_current(farm)
        yield farm
    except OperationalError as error:
        if error.connection_invalidated or "connect" in str(error.orig).lower():
            reason = str(error.orig).strip().splitlines()[0]
            raise FailureError(f"the database cannot be reached: {reason}") from error
        raise
    finally:
        farm.engine.dispose()


def _fleet() -> Farm:
    return Farm(os.environ["BENCH_DATABASE_URL"], os.environ.get("BENCH_BROKER_URL"), None)


def _embedded() -> Farm:
    if os.environ.get("BENCH_BROKER_URL"):
        raise BenchError(
            "BENCH_BROKER_URL is set and BENCH_DATABASE_URL is not; set both for a fleet, or neither"
        )
    forget_libpq_variables()
    embedded = EmbeddedFarm(FARM_DIRECTORY, note)
    urls = embedded.up()
    return Farm(urls.database_url, urls.broker_url, embedded)


def _make_current(farm: Farm) -> None:
    if farm.embedded is not None and standing(farm.engine) in {"empty", "older"}:
        upgrade(farm.engine)
    check(farm.engine)
