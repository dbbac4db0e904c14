"""An embedded farm: one database and one broker in one directory, shared by all commands run there."""

import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.embedded.broker import Broker
from bench.embedded.errors import EmbeddedError
from bench.embedded.moved import settle
from bench.embedded.paths import FarmPaths
from bench.embedded.postgres import Postgres
from bench.embedded.processes import Daemon, trim
from planner.system.atomic import write_atomic

_SPACE_NEEDED_BYTES = 200 * 1024 * 1024


# The worker first, so that it can hand back its work to a database that still runs.
GRACE_SECONDS = {"worker": 40.0, "coordinator": 10.0}
_SERVERS = ("broker", "postgres")
# Nothing can be handed back where the notes of the work have gone from.
_MOVED_GRACE_SECONDS = 3.0


@dataclass(frozen=True)
class FarmUrls:
    """How to reach a farm. Secrets: never printed."""

    database_url: str = field(repr=False)
    broker_url: str = field(repr=False)


@dataclass(frozen=True)
class PartStatus:
    """One part of the farm as `bench status` shows it."""

    name: str
    state: str
    """running, stopped, or crashed: started and gone without having been stopped."""
    pid: int | None = None
    uptime_seconds: float | None = None


class EmbeddedFarm:
    """Brings the two servers up and down. Every call may be made by several processes at once."""

    def __init__(self, root: Path, notify: Callable[[str], None] = lambda _line: None) -> None:
        self.paths = FarmPaths.at(root)
        self.notify = notify

    def up(self) -> FarmUrls:
        """Start or repair what does not run; join what does. Daemons beside the servers are left as they are."""
        self._check_space()
        self.paths.make()
        with self.locked(), _in_one_line():
            # Again, now that nothing clears away: what was there may have been taken for left behind.
            self.paths.make()
            self._check_secrets()
            self._end_at_another_place()
            postgres, broker = self._servers()
            broker.ensure()
            postgres.ensure()
            self._leave_old_sockets()
            for log in self.paths.logs.glob("*.log"):
                trim(log)
        return FarmUrls(postgres.url(), broker.url())

    def down(self) -> None:
        """Stop everything that was started in this farm; data stays. Nothing happens where nothing runs."""
        # Its directory may have been deleted under it: servers that still run are found by their sockets.
        if not self.paths.root.is_dir() and not self.paths.sockets.is_dir():
            return
        self.paths.make()
        with self.locked(), _in_one_line():
            moved = settle(self.paths, self._daemons(), self.notify)
            self._stop(_MOVED_GRACE_SECONDS if moved else None)
            self._leave_old_sockets()
            shutil.rmtree(self.paths.sockets, ignore_errors=True)

    def status(self) -> list[PartStatus]:
        """The servers of this farm; `daemon_status` tells of one that runs beside them."""
        return [daemon_status(self.daemon(name)) for name in reversed(_SERVERS)]

    def running_url(self) -> str | None:
        """The database's URL where it runs; nothing is started or written."""
        if self.daemon("postgres").process() is None or not self.paths.secrets.is_file():
            return None
        secret = json.loads(self.paths.secrets.read_text(encoding="utf-8")).get("postgres")
        return None if secret is None else Postgres(self.paths, secret, self.notify).url()

    def daemon(self, name: str) -> Daemon:
        """The daemon called `name` of this farm."""
        return Daemon(name, self.paths.run / f"{name}.json", self.paths.logs / f"{name}.log")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One change at a time."""
        # Private, for even a reader could hold the lock.
        with open(self.paths.lock, "w", encoding="ascii", opener=_private) as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def secret(self, name: str) -> str:
        """A password of this farm; made at first use. Call it under the lock."""
        known: dict[str, str] = {}
        if self.paths.secrets.exists():
            known = json.loads(self.paths.secrets.read_text(encoding="utf-8"))
        if name not in known:
            known[name] = secrets.token_urlsafe(24)
            write_atomic(self.paths.secrets, json.dumps(known), mode=0o600)
        return known[name]

    def _end_at_another_place(self) -> None:
        """What runs at the place from which this directory was moved cannot work there: no path is right any more."""
        if settle(self.paths, self._daemons(), self.notify):
            self._stop(_MOVED_GRACE_SECONDS)

    def _daemons(self) -> list[Daemon]:
        return [self.daemon(record.stem) for record in self.paths.run.glob("*.json")]

    def _stop(self, grace_seconds: float | None = None) -> None:
        """Stop the parts, then the servers; each has its own grace unless one is given."""
        for name in self._daemon_names():
            self.daemon(name).stop(grace_seconds or GRACE_SECONDS.get(name, 10.0))
        Broker(self.paths, "").stop()
        Postgres(self.paths, "", self.notify).stop()

    def _servers(self) -> tuple[Postgres, Broker]:
        postgres = Postgres(self.paths, self.secret("postgres"), self.notify)
        return postgres, Broker(self.paths, self.secret("broker"))

    def _daemon_names(self) -> list[str]:
        """What was started beside the servers, in the order of its end."""
        noted = {record.stem for record in self.paths.run.glob("*.json")} - set(_SERVERS)
        return [name for name in GRACE_SECONDS if name in noted] + sorted(noted - set(GRACE_SECONDS))

    def _leave_old_sockets(self) -> None:
        """A farm that was moved has sockets at another place now; the old place goes once it is empty."""
        note = self.paths.run / "sockets"
        before = Path(note.read_text(encoding="utf-8")) if note.exists() else self.paths.sockets
        if before != self.paths.sockets:
            with suppress(OSError):
                (before / "pg").rmdir()
                before.rmdir()
        note.write_text(str(self.paths.sockets), encoding="utf-8")

    def _check_secrets(self) -> None:
        if (self.paths.root / "postgres").exists() and not self.paths.secrets.exists():
            raise EmbeddedError(
                f"{self.paths.secrets} is missing, and the data in {self.paths.root / 'postgres'} answer to no other"
                " password; put it back, or move the data away to begin anew"
            )

    def _check_space(self) -> None:
        existing = self.paths.root
        while not existing.exists():
            existing = existing.parent
        free = shutil.disk_usage(existing).free
        if free < _SPACE_NEEDED_BYTES:
            raise EmbeddedError(
                f"only {free >> 20} MiB are free on the disk of {self.paths.root}; make room (200 MiB)"
            )
        if not os.access(existing, os.W_OK):
            raise EmbeddedError(f"cannot write to {existing}; run from another directory")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextmanager
def _in_one_line() -> Iterator[None]:
    """What the system refuses, from here on, is the farm's directory or its disk."""
    try:
        yield
    except OSError as error:
        raise EmbeddedError(f"the embedded farm: {error.strerror}: {error.filename}") from error


def daemon_status(daemon: Daemon) -> PartStatus:
    """The state of a background process."""
    return _status(daemon.name, daemon.process(), daemon.was_started)


def _status(name: str, process: psutil.Process | None, was_started: bool) -> PartStatus:
    if process is None:
        return PartStatus(name, "crashed" if was_started else "stopped")
    uptime = time.time() - process.create_time()
    return PartStatus(name, "running", process.pid, uptime)
