"""The data directory of the embedded PostgreSQL: created atomically, once, and never deleted."""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench.embedded.account import Account
from bench.embedded.binaries import PostgresPrograms, reachable_store
from bench.embedded.errors import EmbeddedError
from bench.embedded.paths import FarmPaths
from bench.embedded.processes import FAMILY, kill, members

OWNER = "bench_owner"
# Appended to initdb's file, so that a user may append settings that override these.
_SETTINGS = """
max_connections = 200
shared_buffers = 128MB
min_wal_size = 64MB
max_wal_size = 512MB
wal_level = minimal
max_wal_senders = 0
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
# A statement may hold a secret, and the log is kept.
log_min_error_statement = panic
"""


def make_cluster(
    data: Path,
    paths: FarmPaths,
    account: Account,
    programs: PostgresPrograms,
    password: str,
    notify: Callable[[str], None],
) -> None:
    """Run initdb for `data`, which must not exist; atomic: the directory is renamed into place when complete.

    Raises: `EmbeddedError` where initdb fails.
    """
    home = data.parent
    # A killed command leaves its initdb behind, still writing.
    kill(members(_family(paths)))
    for left in home.glob("postgres.new-*"):
        shutil.rmtree(left, ignore_errors=True)
    if not account.can_reach(home / "postgres"):
        home = _reachable_home(paths)
    if account.drop:
        why = "" if home == data.parent else f", which cannot enter {data.parent}: its data lie in {home}"
        notify(f"running as root: the embedded PostgreSQL runs as user {account.name}{why}")
    draft = home / f"postgres.new-{secrets.token_hex(4)}"
    draft.mkdir(mode=0o700)
    account.own(draft)
    _initdb(draft, paths, account, programs, password)
    config = (draft / "postgresql.conf").read_text(encoding="utf-8")
    account.write(draft / "postgresql.conf", config + _SETTINGS)
    _put_in_place(draft, home / "postgres", data)


def check_version(data: Path, programs: PostgresPrograms) -> None:
    """Check that `data` was made by the major version of these programs.

    Raises: `EmbeddedError` where it was not, or holds no database.
    """
    try:
        made_by = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    except OSError as error:
        raise EmbeddedError(
            f"{data} is there and holds no database ({error.strerror}: PG_VERSION); move it away to start empty"
        ) from error
    if made_by != str(programs.major):
        raise EmbeddedError(
            f"{data} was made by PostgreSQL {made_by}, and this is {programs.major};"
            f" set BENCH_POSTGRES_BIN to the bin directory of {made_by}, or move the data away to start empty"
        )


def _reachable_home(paths: FarmPaths) -> Path:
    # A new one each time: data of a deleted farm need a password that was deleted with it.
    home = reachable_store() / f"{paths.mark}-{secrets.token_hex(4)}"
    home.mkdir(parents=True, mode=0o755)
    return home


def _put_in_place(draft: Path, target: Path, data: Path) -> None:
    draft.rename(target)
    if target != data:
        data.unlink(missing_ok=True)
        data.symlink_to(target)
    handle = os.open(data.parent, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def _initdb(
    draft: Path, paths: FarmPaths, account: Account, programs: PostgresPrograms, password: str
) -> None:
    log = paths.logs / "initdb.log"
    # In the socket directory, which the account can reach and no other account can read.
    secret = paths.sockets / f"initdb-{secrets.token_hex(4)}"
    try:
        account.write(secret, password)
        with log.open("wb") as output:
            done = subprocess.run(
                [
                    *(programs.program("initdb"), "--pgdata", str(draft), "--username", OWNER),
                    *(
                        "--pwfile",
                        str(secret),
                        "--auth-local",
                        "scram-sha-256",
                        "--auth-host",
                        "scram-sha-256",
                    ),
                    *("--encoding", "UTF8", *_options_of(programs.major)),
                ],
                cwd="/",
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC", FAMILY: _family(paths)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
                **account.popen_options(),
            )
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise EmbeddedError(f"cannot run initdb: {error.strerror} ({error.filename})") from error
    finally:
        secret.unlink(missing_ok=True)
    if done.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise EmbeddedError(f"initdb failed: {_last_error(log)} (see {log})")


def _family(paths: FarmPaths) -> str:
    return f"initdb-{paths.mark}"


def _last_error(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    errors = [line for line in lines if "error" in line.lower() or "FATAL" in line]
    last = (errors or lines or ["no message"])[-1]
    return last.rpartition("FATAL:")[2].strip()


def _options_of(major: int) -> tuple[str, ...]:
    if major < 17:
        return ("--locale", "C.UTF-8")
    locale = ("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C")
    # One call for a thousand files; elsewhere each waits for the disk.
    return (*locale, "--sync-method", "syncfs") if sys.platform == "linux" else locale
