"""Lifecycle of the embedded PostgreSQL daemon, with programs from a wheel."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from bench.embedded.account import Account, account_of, database_account
from bench.embedded.binaries import PostgresPrograms, postgres_programs
from bench.embedded.cluster import OWNER, check_version, make_cluster
from bench.embedded.errors import EmbeddedError
from bench.embedded.ownership import claim_data, owner_elsewhere, servers_in
from bench.embedded.paths import FarmPaths
from bench.embedded.processes import Daemon, end, kill, wait_until
from bench.embedded.sockets import listener
from db.errors import DbError
from db.server import ensure_database

DATABASE = "bench"
_SOCKET = ".s.PGSQL.5432"
# Crash recovery may have to replay much of the write-ahead log.
_START_SECONDS = 120.0
_STOP_SECONDS = 20.0
# Fast shutdown, then immediate.
_STOP_SIGNALS = (signal.SIGINT, signal.SIGQUIT)


@dataclass(frozen=True)
class Postgres:
    """One server of one farm. Every method but `url` and `daemon` is called under the farm's lock."""

    paths: FarmPaths
    password: str
    notify: Callable[[str], None]

    @property
    def daemon(self) -> Daemon:
        """The daemon, with its pid file and log."""
        return Daemon("postgres", self.paths.run / "postgres.json", self.paths.logs / "postgres.log")

    @property
    def data(self) -> Path:
        """The data directory; a link where the database's account cannot reach the farm."""
        return self.paths.root / "postgres"

    @property
    def sockets(self) -> Path:
        """The directory of the Unix socket."""
        return self.paths.sockets / "pg"

    def url(self, user: str = OWNER, password: str | None = None, database: str = DATABASE) -> str:
        """The database's URL for psycopg and SQLAlchemy."""
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{user}:{secret}@/{database}?host={quote(str(self.sockets), safe='')}"

    def ensure(self) -> None:
        """Start the server unless it runs and serves; idempotent. Remains of an earlier one are removed.

        Raises: `EmbeddedError` where it does not start, or the data belong to another farm or version.
        """
        if self._serves():
            return
        if self.data.exists():
            claim_data(self.data, self.paths)
            self._change_owner_of_copy()
        account = account_of(self.data) if self.data.exists() else database_account()
        programs = postgres_programs(account)
        since = self.daemon.log_size()
        if not self._is_starting():
            self._end_strays()
            if not self.data.exists():
                make_cluster(self.data, self.paths, account, programs, self.password, self.notify)
                claim_data(self.data, self.paths)
            check_version(self.data, programs)
            self._start(programs, account)
        self._wait(since)
        self._create_database()
        self.daemon.mark_ready()

    def _change_owner_of_copy(self) -> None:
        """Change the owner of data that root copied to the database's account: PostgreSQL does not run as root."""
        account = database_account()
        if account.drop and not self.data.is_symlink() and self.data.stat().st_uid == 0:
            for path in (self.data, *self.data.rglob("*")):
                account.own(path)

    def stop(self) -> None:
        """Fast shutdown, then immediate, then SIGKILL; returns when the server has ended."""
        self.daemon.stop(_STOP_SECONDS, _STOP_SIGNALS)
        self._end_strays()

    def _serves(self) -> bool:
        return (
            self.daemon.is_ready
            and self.daemon.process() is not None
            and listener(self.sockets / _SOCKET) > 0
        )

    def _is_starting(self) -> bool:
        """Whether it was started and is not ready yet, by the state in its postmaster.pid."""
        return self.daemon.process() is not None and self._state() != "ready"

    def _state(self) -> str:
        """The state in postmaster.pid ("starting", "ready" …); empty where there is none."""
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
            process = self.daemon.process()
            return lines[7].strip() if process is not None and int(lines[0]) == process.pid else ""
        except (OSError, ValueError, IndexError):
            return ""

    def _end_strays(self) -> None:
        """End every server that uses this farm's data or sockets without a valid pid file.

        Such servers are left by a command that was killed between the start and the pid file, by a SIGKILL of the
        postmaster, or by a directory that was deleted or moved while the farm ran.
        """
        self.daemon.stop(_STOP_SECONDS, _STOP_SIGNALS)
        pid = listener(self.sockets / _SOCKET)
        if pid > 0:
            with suppress(psutil.NoSuchProcess):
                end(psutil.Process(pid), _STOP_SECONDS, _STOP_SIGNALS)
        # The data that a copied farm links to belong to the original.
        if owner_elsewhere(self.data, self.paths) is None:
            users = servers_in(self.data)
            for process in users:
                if process.pid == self._postmaster_pid():
                    end(process, _STOP_SECONDS, _STOP_SIGNALS)
            kill(users)
            self._remove_recycled_pid_file()
        for left in self.sockets.glob(_SOCKET + "*"):
            left.unlink(missing_ok=True)

    def _postmaster_pid(self) -> int:
        try:
            return int((self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
        except (OSError, ValueError, IndexError):
            return 0

    def _remove_recycled_pid_file(self) -> None:
        """Remove a postmaster.pid whose pid was recycled: the server would take that process for another postmaster.

        The same applies to a zombie: in a container without an init, a killed server keeps its pid. The file of an
        ended process is kept: from it PostgreSQL identifies the shared memory of a crashed server.
        """
        pid = self._postmaster_pid()
        if pid and psutil.pid_exists(pid):
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _start(self, programs: PostgresPrograms, account: Account) -> None:
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        account.own(self.sockets)
        settings = {
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            # The log is this process' standard error, which the farm truncates itself.
            "logging_collector": "off",
            "log_destination": "stderr",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self.daemon.start(
            [programs.program("postgres"), "-D", str(self.data.resolve()), *options],
            {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
            Path("/"),
            account.popen_options(),
        )

    def _wait(self, since: int) -> None:
        def settled() -> bool:
            return self._state() == "ready" or self.daemon.process() is None

        if not wait_until(settled, _START_SECONDS):
            raise EmbeddedError(
                f"PostgreSQL still starts after {_START_SECONDS:.0f} seconds, perhaps recovering;"
                f" see {self.daemon.log}, and run this again"
            )
        if self.daemon.process() is None:
            self.daemon.stop(0)
            raise EmbeddedError(
                f"PostgreSQL does not start: {self.daemon.last_words(since)} (see {self.daemon.log})"
            )

    def _create_database(self) -> None:
        try:
            ensure_database(self.url(database="postgres"), DATABASE)
        except DbError as error:
            raise EmbeddedError(
                f"the embedded PostgreSQL refuses its owner: {error}"
                f" (is {self.paths.secrets} the one that belongs to {self.data}?)"
            ) from error
