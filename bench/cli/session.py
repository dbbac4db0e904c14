"""Where a command finds its farm: the fleet of the environment, or the embedded one of this directory."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from bench.embedded.farm import EmbeddedFarm
from bench.embedded.libpq import forget_libpq_variables
from bench.embedded.parts import PartUrls, check_variables, start_parts, worker_url
from bench.errors import BenchError, FailureError
from db.engine import open_engine
from db.upgrade import check, standing, upgrade
from planner.cli import output
from workers.spec import ToolchainRef

if TYPE_CHECKING:
    from workers.broker.doorbell import Doorbell

FARM_DIRECTORY = Path(".bench")


def note(line: str) -> None:
    """A line for the person at the terminal; never on standard output, which programs may read."""
    output.note(line)


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
    def bell(self) -> "Doorbell":
        """The doorbell of this farm's broker."""
        from workers.broker.celery_app import make_app
        from workers.broker.doorbell import CeleryDoorbell

        if self.broker_url is None:
            raise BenchError("BENCH_BROKER_URL is not set; a fleet needs it beside BENCH_DATABASE_URL")
        return CeleryDoorbell(make_app(self.broker_url))

    @property
    def mirrors(self) -> Path | None:
        """Where the worker of an embedded farm mirrors repositories; None in a fleet, whose machines are elsewhere."""
        return None if self.embedded is None else self.embedded.paths.root / "work" / "mirrors"

    def start_parts(self, slots: int | None = None, toolchains: Iterable[ToolchainRef] | None = None) -> None:
        """See that a coordinator and a worker run, where the farm is embedded, with the variables of this shell.

        The worker is handed what `toolchains` and unfinished benches name, beside the farm's own.
        """
        from db.repositories.benches import Benches

        if self.embedded is not None and self.broker_url is not None:
            names = {name for ref in toolchains or () for name in ref.env}
            worker = worker_url(self.embedded, self.engine)
            urls = PartUrls(self.database_url, worker, self.broker_url)
            start_parts(self.embedded, urls, slots, names | Benches(self.engine).named_variables())

    def check_variables(self, toolchains: Iterable[ToolchainRef] | None) -> None:
        """Refuse toolchains that name a variable which the embedded worker could not be handed.

        A fleet's workers have variables of their own, and say themselves what they lack.
        """
        if self.embedded is not None:
            check_variables(self.embedded, [(ref.name, ref.env) for ref in toolchains or ()])


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
