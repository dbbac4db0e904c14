"""Sockets of farms that were killed go; those that answer, or are no farm's, stay."""

import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cli.main import main
from bench.embedded.farm import EmbeddedFarm
from bench.embedded.leftovers import stale_sockets
from bench.embedded.paths import FarmPaths


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory in the place of /tmp: a test must not clear away what is this machine's."""
    base = Path(tempfile.mkdtemp(prefix="bls-"))
    base.chmod(0o711)
    of_farm = property(lambda paths: base / f"bench-{os.geteuid()}-{paths.mark}")
    monkeypatch.setattr(FarmPaths, "sockets", of_farm)
    yield base
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
def farm(base: Path, tmp_path: Path) -> EmbeddedFarm:
    return EmbeddedFarm(tmp_path / ".bench")


def _left(base: Path, age: float = 2 * 24 * 3600.0) -> Path:
    """A socket directory as a killed farm leaves it, `age` seconds ago."""
    path = base / f"bench-{os.geteuid()}-{secrets.token_hex(5)}"
    path.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path / "broker.sock"))
    then = time.time() - age
    for each in (path / "broker.sock", path):
        os.utime(each, (then, then))
    return path


def test_the_sockets_of_a_killed_farm_go_a_day_later(base: Path, farm: EmbeddedFarm) -> None:
    old, young = _left(base), _left(base, age=60)
    assert [one.path for one in stale_sockets(farm, remove=False)] == [old]
    assert old.exists()
    assert [one.path for one in stale_sockets(farm, remove=True)] == [old]
    assert (old.exists(), young.exists()) == (False, True)
    assert stale_sockets(farm, remove=True) == []


def test_a_socket_that_answers_stays(base: Path, farm: EmbeddedFarm) -> None:
    path = base / f"bench-{os.geteuid()}-{'a' * 10}"
    path.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path / "broker.sock"))
        server.listen()
        os.utime(path / "broker.sock", (0, 0))
        os.utime(path, (0, 0))
        assert stale_sockets(farm, remove=True) == []
        assert path.exists()
    assert [one.path for one in stale_sockets(farm, remove=True)] == [path]


def test_what_only_looks_like_a_farm_stays(base: Path, farm: EmbeddedFarm, tmp_path: Path) -> None:
    (tmp_path / "treasure").mkdir()
    link = base / f"bench-{os.geteuid()}-{'b' * 10}"
    link.symlink_to(tmp_path / "treasure")
    (base / f"bench-{os.geteuid()}-notes").mkdir()
    (base / f"bench-{os.geteuid()}-{'c' * 10}").write_text("a file")
    for path in base.iterdir():
        os.utime(path, (0, 0), follow_symlinks=False)
    assert stale_sockets(farm, remove=True) == []
    assert len(list(base.iterdir())) == 3


def test_a_farm_s_own_sockets_go_where_none_of_it_runs(base: Path, farm: EmbeddedFarm) -> None:
    farm.paths.make()
    farm.paths.lock.touch()
    assert [one.path for one in stale_sockets(farm, remove=True)] == [farm.paths.sockets]
    assert not farm.paths.sockets.exists()


def test_a_running_farm_keeps_all_that_is_its_own(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_WORK_DIR", raising=False)
    farm = EmbeddedFarm(tmp_path / ".bench")
    farm.up()
    try:
        assert main(["cleanup"]) == 0
        assert capsys.readouterr().err.strip() == "nothing removed (0.0 MB)"
        assert {part.state for part in farm.status()} == {"running"}
        assert farm.paths.sockets.is_dir()
    finally:
        farm.down()
