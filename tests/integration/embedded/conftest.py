"""Farms of the tests' own, each in a directory that vanishes with everything that was started in it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psutil
import psycopg
import pytest

from bench.embedded.errors import EmbeddedError
from bench.embedded.farm import EmbeddedFarm, FarmUrls

_Told = TypeVar("_Told")
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def janitor() -> Iterator[Callable[[Path], None]]:
    """Tells a process of its own which directories to clear, should this one be killed."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.integration.embedded.janitor"],
        stdin=subprocess.PIPE,
        cwd=REPOSITORY,
        start_new_session=True,
        text=True,
    ) as process:
        stdin = process.stdin
        assert stdin is not None

        def tell(directory: Path) -> None:
            stdin.write(f"{directory}\n")
            stdin.flush()

        yield tell
        stdin.close()
        process.wait(60)


def _memory() -> str | None:
    """Where there is room enough in memory: these proofs are not about the disk, and it may be busy."""
    memory = Path("/dev/shm")
    room = memory.is_dir() and shutil.disk_usage(memory).free > 2 << 30
    # Some of them put programs there, and run them.
    room = room and not os.statvfs(memory).f_flag & os.ST_NOEXEC
    return str(memory) if room else None


@contextmanager
def _watched(janitor: Callable[[Path], None]) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="bf-", dir=_memory()))
    directory.chmod(0o755)
    janitor(directory)
    yield directory
    for root in directory.glob("**/.bench"):
        with suppress(EmbeddedError):
            EmbeddedFarm(root).down()
    shutil.rmtree(directory)


@pytest.fixture
def place(janitor: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory for farms that an ordinary account can reach, unlike pytest's own."""
    with _watched(janitor) as directory:
        monkeypatch.setenv("BENCH_EMBEDDED_HOME", str(directory / "store"))
        yield directory


@pytest.fixture
def new_farm(place: Path) -> EmbeddedFarm:
    """A farm that was never up."""
    return EmbeddedFarm(place / ".bench")


@pytest.fixture(scope="session")
def _made(janitor: Callable[[Path], None]) -> Iterator[Path]:
    with _watched(janitor) as directory:
        farm = EmbeddedFarm(directory / ".bench")
        remember(farm.up(), "committed")
        farm.down()
        yield farm.paths.root


@pytest.fixture
def farm(place: Path, _made: Path) -> EmbeddedFarm:
    """A farm that is down and holds the word `committed`; a copy, which is much faster than an initdb."""
    subprocess.run(["cp", "-a", str(_made), str(place / ".bench")], check=True)
    return EmbeddedFarm(place / ".bench")


def remember(urls: FarmUrls, word: str) -> None:
    """Commit a word."""
    with psycopg.connect(urls.database_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS words (word text)")
        connection.execute("INSERT INTO words VALUES (%s)", [word])


def recall(urls: FarmUrls) -> list[str]:
    """Every word that was committed."""
    with psycopg.connect(urls.database_url) as connection:
        return [row[0] for row in connection.execute("SELECT word FROM words ORDER BY word")]


def servers_of(farm: EmbeddedFarm) -> list[psutil.Process]:
    """Every server process of the farm, found without its records: by command line or working directory."""
    marks = (str(farm.paths.root), str(farm.paths.sockets), os.path.realpath(farm.paths.root / "postgres"))
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = [*process.cmdline(), process.cwd()]
            named = process.name().startswith(("postgres", "valkey"))
            if named and any(mark in word for mark in marks for word in words):
                found.append(process)
    return found


def told_by_each(processes: Iterable[psutil.Process], read: Callable[[psutil.Process], _Told]) -> list[_Told]:
    """What `read` says of every process that still lives: backends and helpers of PostgreSQL come and go."""
    told = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            told.append(read(process))
    return told


def tops(farm: EmbeddedFarm) -> list[str]:
    """The names of the farm's servers, each with its children counted once."""
    every = servers_of(farm)
    pids = {process.pid for process in every}
    parents = told_by_each(every, lambda process: (process.name(), process.ppid()))
    return sorted(name for name, parent in parents if parent not in pids)


ONE_OF_EACH = ["postgres", "valkey-server"]
