"""The home of an embedded farm as a working directory sees it: where it is, and what is said where none is."""

import os
from pathlib import Path

import pytest

from bench.embedded.errors import EmbeddedError
from bench.embedded.home import farm_home, home_to_stop
from bench.embedded.paths import FarmPaths


def test_a_farm_further_up_is_elsewhere_and_exists_once_it_was_started(tmp_path: Path) -> None:
    deep = tmp_path / "a/b"
    deep.mkdir(parents=True)
    (tmp_path / ".bench").mkdir()
    home = farm_home(deep, {})
    assert (home.root, home.is_elsewhere, home.exists) == (tmp_path / ".bench", True, False)
    assert home.missing_line().startswith(f"no farm in {tmp_path}/.bench yet; start one with `bench up`")
    (tmp_path / ".bench/secrets.json").touch()
    assert farm_home(deep, {}).exists
    assert not farm_home(tmp_path, {}).is_elsewhere


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_was_passed_over_is_named_where_no_farm_is(tmp_path: Path) -> None:
    (tmp_path / ".bench").mkdir()
    os.chown(tmp_path / ".bench", 54321, 54321)
    (tmp_path / "a").mkdir()
    line = farm_home(tmp_path / "a", {}).missing_line()
    assert line.startswith(f"no farm: neither {tmp_path}/a nor a directory above it holds .bench/")
    assert line.endswith(f"; {tmp_path}/.bench belongs to user 54321 and was passed over")


def test_a_home_with_other_contents_is_refused_before_a_farm_closes_it_to_others(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(
        EmbeddedError, match=r"holds other files and no farm; name an empty or a new directory"
    ):
        farm_home(tmp_path, {"BENCH_HOME": "."})
    with pytest.raises(EmbeddedError, match=r"notes.txt: Not a directory"):
        farm_home(tmp_path, {"BENCH_HOME": "notes.txt"})
    for name in ("new", "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        home = farm_home(tmp_path, {"BENCH_HOME": name})
        assert (home.root, home.is_elsewhere) == (tmp_path / name, False)
        assert home.missing_line() == (
            f"no farm in {tmp_path / name}, which BENCH_HOME names; start one with `bench up`"
        )


def test_a_farm_is_known_by_what_it_makes_first(tmp_path: Path) -> None:
    paths = FarmPaths.at(tmp_path / "farm")
    try:
        paths.make()
        (paths.root / "kept.txt").touch()
        assert farm_home(tmp_path, {"BENCH_HOME": "farm"}).root == paths.root
    finally:
        paths.sockets.rmdir()


def test_servers_of_a_deleted_farm_are_stopped_before_a_farm_further_up(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / ".bench").mkdir()
    assert home_to_stop(inner, {}).root == tmp_path / ".bench"
    sockets = FarmPaths.at(inner / ".bench").sockets
    sockets.mkdir()
    try:
        assert home_to_stop(inner, {}).root == inner / ".bench"
    finally:
        sockets.rmdir()
