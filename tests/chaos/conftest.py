"""Fixtures: a small repository, and a fleet on the session's servers."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.embedded.farm import EmbeddedFarm
from db.engine import open_engine
from db.upgrade import upgrade
from tests.fixtures.fleet import Fleet, fleet, repository_at


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A git repository of one commit: its path and the commit."""
    return repository_at(tmp_path_factory.mktemp("chaos") / "repo")


@pytest.fixture
def farm(tmp_path: Path, database_url: str, broker_url: str, repository: tuple[str, str]) -> Iterator[Fleet]:
    """A fleet on a fresh database."""
    with fleet(tmp_path, database_url, broker_url, repository) as one:
        yield one


@pytest.fixture
def short_directory() -> Iterator[Path]:
    """A directory whose path leaves room for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="bf-") as name:
        yield Path(name)


@pytest.fixture
def own_servers(short_directory: Path) -> Iterator[EmbeddedFarm]:
    """Servers of this test alone, which it may kill; `up` repairs them."""
    servers = EmbeddedFarm(short_directory / "farm")
    short_directory.chmod(0o755)
    try:
        engine = open_engine(servers.up().database_url, "chaos")
        upgrade(engine)
        engine.dispose()
        yield servers
    finally:
        servers.down()


@pytest.fixture
def own_farm(tmp_path: Path, own_servers: EmbeddedFarm, repository: tuple[str, str]) -> Iterator[Fleet]:
    """A fleet on servers that the test may kill."""
    urls = own_servers.up()
    with fleet(tmp_path, urls.database_url, urls.broker_url, repository) as one:
        yield one
