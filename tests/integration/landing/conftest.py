"""Worlds of a stream that lands, with the repository on this machine or behind a bare remote."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.fleet import Fleet, fleet
from tests.fixtures.landing_world import World, git, make_repository


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "shop", {"readme.txt": "a shop\n", "shared.txt": "nobody\n"})


@pytest.fixture
def farm(
    tmp_path: Path, database_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Fleet]:
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    directory = tmp_path / "fleet"
    directory.mkdir()
    with fleet(directory, database_url, broker_url, ("", "")) as parts:
        parts.worker(slots=2)
        yield parts


@pytest.fixture
def world(farm: Fleet, repo: Path, tmp_path: Path) -> World:
    return World(farm, str(repo), tmp_path)


@pytest.fixture
def hub(repo: Path, tmp_path: Path) -> Path:
    """A bare clone, as a server has it."""
    path = tmp_path / "hub.git"
    git(tmp_path, "clone", "-q", "--bare", str(repo), str(path))
    git(path, "symbolic-ref", "HEAD", "refs/heads/main")
    return path
