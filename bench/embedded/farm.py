"""An embedded farm: one database and one broker in one directory, shared by all commands run there."""

import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.embedded.account import database_account
from bench.embedded.broker import Broker
from bench.embedded.errors import EmbeddedError
from bench.embedded.paths import FarmPaths
from bench.embedded.postgres import Postgres
from bench.embedded.processes import Daemon

_SPACE_NEEDED_BYTES = 200 * 1024 * 1024


@dataclass(frozen=True)
class FarmUrls:
    """How to reach a farm. Secrets: never printed."""

    database_url: str
    broker_url: str


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
        self._notify = notify

    def up(self) -> FarmUrls:
        """Start or repair what does not run; join what does."""
        self._check_space()
        self.paths.make()
        with self.locked():
            postgres, broker = self._servers()
            postgres.ensure()
            broker.ensure()
        return FarmUrls(postgres.url(), broker.url())

    def down(self) -> None:
        """Stop both servers; data stays."""
        if not self.paths.secrets.exists():
            return
        with self.locked():
            postgres, broker = self._servers()
            broker.stop()
            postgres.stop()
            shutil.rmtree(self.paths.sockets, ignore_errors=True)

    def status(self) -> list[PartStatus]:
        """The servers first, then whatever daemons were started beside them."""
        if not self.paths.secrets.exists():
            return [PartStatus("postgres", "stopped"), PartStatus("broker", "stopped")]
        postgres, broker = self._servers()
        pid = postgres.pid()
        was_up = (postgres.data / "postmaster.pid").exists()
        first = _status("postgres", psutil.Process(pid) if pid else None, was_up)
        return [first, daemon_status(broker.daemon)]

    def daemon(self, name: str) -> Daemon:
        """The daemon called `name` of this farm."""
        return Daemon(name, self.paths.run / f"{name}.json", self.paths.logs / f"{name}.log")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One change at a time."""
        with self.paths.lock.open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def secret(self, name: str) -> str:
        """A password of this farm; made at first use. Call it under the lock."""
        known: dict[str, str] = {}
        if self.paths.secrets.exists():
            known = json.loads(self.paths.secrets.read_text(encoding="utf-8"))
        if name not in known:
            known[name] = secrets.token_urlsafe(24)
            draft = self.paths.secrets.with_suffix(".draft")
            draft.unlink(missing_ok=True)
            draft.touch(mode=0o600)
            draft.write_text(json.dumps(known), encoding="utf-8")
            draft.replace(self.paths.secrets)
        return known[name]

    def _servers(self) -> tuple[Postgres, Broker]:
        postgres = Postgres(self.paths, database_account(), self.secret("postgres"), self._notify)
        return postgres, Broker(self.paths, self.secret("broker"))

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


def daemon_status(daemon: Daemon) -> PartStatus:
    """The state of a background process."""
    return _status(daemon.name, daemon.process(), daemon.was_started)


def _status(name: str, process: psutil.Process | None, was_started: bool) -> PartStatus:
    if process is None:
        return PartStatus(name, "crashed" if was_started else "stopped")
    uptime = time.time() - process.create_time()
    return PartStatus(name, "running", process.pid, uptime)
