"""Opens the farm of a command: the fleet of the environment, or the embedded farm of this directory."""

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
from bench.embedded.home import FarmHome, farm_home
from bench.embedded.libpq import forget_libpq_variables
from bench.embedded.parts import (
    PartUrls,
    check_variables,
    reader_url,
    start_parts,
    worker_url,
    worker_variables,
)
from bench.errors import BenchError, FailureError
from db.engine import open_engine
from db.upgrade import check, schema_status, upgrade
from planner.cli import output
from workers.spec import ToolchainRef

if TYPE_CHECKING:
    from workers.broker.doorbell import Doorbell


def note(line: str) -> None:
    """Print a line for people on standard error; standard output is for the answer alone."""
    output.note(line)


def home_here() -> FarmHome:
    """The home of the embedded farm of the working directory."""
    return farm_home(Path.cwd(), os.environ)


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
            raise BenchError(
                "BENCH_BROKER_URL is not set; a fleet needs it in addition to BENCH_DATABASE_URL"
            )
        return CeleryDoorbell(make_app(self.broker_url))

    @property
    def mirrors(self) -> Path | None:
        """Where the worker of an embedded farm mirrors repositories; None in a fleet, whose machines are elsewhere."""
        return None if self.embedded is None else self.embedded.paths.root / "work" / "mirrors"

    def start_parts(self, slots: int | None = None, toolchains: Iterable[ToolchainRef] | None = None) -> None:
        """Start coordinator and worker of an embedded farm where they do not run; does nothing in a fleet.

        The worker gets the variables of this shell that `toolchains` and unfinished benches name, in addition to the
        farm's own; the coordinator those that targets of notices name.
        """
        from db.repositories.benches import Benches
        from db.repositories.notices import Notices

        if self.embedded is not None and self.broker_url is not None:
            names = {name for ref in toolchains or () for name in ref.env}
            worker = worker_url(self.embedded, self.engine)
            urls = PartUrls(self.database_url, worker, self.broker_url)
            names |= Benches(self.engine).named_variables()
            start_parts(self.embedded, urls, slots, names, Notices(self.engine).named_variables())

    def start_page(self) -> None:
        """Start the page of an embedded farm where it does not run; does nothing in a fleet."""
        from bench.embedded.page_part import start_page
        from bench.ui.listen import bind

        if self.embedded is not None:
            start_page(self.embedded, reader_url(self.embedded, self.engine), lambda host: bind(host, None))

    def check_variables(self, toolchains: Iterable[ToolchainRef] | None) -> None:
        """Check the toolchains of one workcell: their providers, prices and base URLs, and that the embedded worker can
        get the variables and keys that they need.

        A fleet's workers have their own variables and keys, and report themselves which are missing.
        """
        from workers.gateway.checks import address_refusal, refusal_of
        from workers.gateway.keys import sources_of
        from workers.toolchains.registry import get_toolchain

        refs = list(toolchains or ())
        variables = {} if self.embedded is None else worker_variables(self.embedded)
        # A replay answers in place of the providers; a fleet's keys are its machines'.
        needs_keys = self.embedded is not None and not variables.get("BENCH_REPLAY_DIR")
        keys = sources_of(variables) if needs_keys else None
        pairs = [(ref, get_toolchain(ref.name)) for ref in refs]
        for refusal in (*(refusal_of(*pair, keys) for pair in pairs), address_refusal(pairs)):
            if refusal is not None:
                raise BenchError(refusal)
        if self.embedded is not None:
            check_variables(self.embedded, [(ref.name, ref.env) for ref in refs])


@contextmanager
def open_farm(*, checked: bool = True, create: bool = False, home: FarmHome | None = None) -> Iterator[Farm]:
    """Context manager of the farm of this environment, with its servers running.

    With `checked`, the schema is of this version: an embedded database is migrated, a fleet's only checked. `home` is
    the home of the embedded farm, by default that of the working directory. With `create`, a missing embedded farm is
    created.

    Raises `BenchError` where there is no farm, `FailureError` where its database cannot be reached.
    """
    farm = _fleet() if os.environ.get("BENCH_DATABASE_URL") else _embedded(home, create)
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


def _embedded(home: FarmHome | None, create: bool) -> Farm:
    if os.environ.get("BENCH_BROKER_URL"):
        raise BenchError(
            "BENCH_BROKER_URL is set and BENCH_DATABASE_URL is not; set both for a fleet, or neither"
        )
    home = home or home_here()
    if not create and not home.exists:
        raise BenchError(home.missing_line())
    note_home(home)
    forget_libpq_variables()
    embedded = EmbeddedFarm(home.root, note)
    urls = embedded.up()
    return Farm(urls.database_url, urls.broker_url, embedded)


def note_home(home: FarmHome) -> None:
    """Print a note where the farm is in a directory above the working one, and one for each skipped directory."""
    if home.is_elsewhere:
        note(f"the farm is in {home.root}")
    for line in home.passed_over_lines():
        note(line)


def _make_current(farm: Farm) -> None:
    if farm.embedded is not None and schema_status(farm.engine) in {"empty", "older"}:
        upgrade(farm.engine)
    check(farm.engine)
