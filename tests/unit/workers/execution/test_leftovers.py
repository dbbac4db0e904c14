"""What killed workers left goes; what somebody owns, needs or merely pointed to stays."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from workers.execution import leftovers
from workers.execution.leftovers import (
    UNUSED_SECONDS,
    Leftover,
    half_archives,
    size_of,
    stale_mirrors,
    stale_objects,
    stale_setups,
    stale_workcells,
)
from workers.execution.setup import kept_products, stamp
from workers.repository import seal
from workers.repository.mirror import locked
from workers.workcell import open_workcell

_HOLD = """
import sys
from pathlib import Path
from workers.workcell import open_workcell
with open_workcell(Path(sys.argv[1]), sys.argv[2]) as cell:
    (cell.logs / "log").write_text("x" * 1000)
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "work"


@pytest.fixture
def killed(work: Path) -> Path:
    """A workcell whose worker was killed."""
    with _worker(work, "dead") as worker:
        worker.kill()
    return work / "cells" / "dead"


class _worker:  # noqa: N801 — reads as a word of the tests
    """A process that owns a workcell until it is told to go."""

    def __init__(self, work: Path, name: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _HOLD, str(work), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"open\n"

    def __enter__(self) -> subprocess.Popen[bytes]:
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.communicate(timeout=100)


def test_the_workcell_of_a_killed_worker_goes(work: Path, killed: Path) -> None:
    assert stale_workcells(work, remove=False) == [Leftover("workcell", killed, 1000)]
    assert killed.exists()
    assert stale_workcells(work, remove=True) == [Leftover("workcell", killed, 1000)]
    assert list((work / "cells").iterdir()) == []
    assert stale_workcells(work, remove=True) == []


def test_the_workcell_of_a_living_worker_stays(work: Path, killed: Path) -> None:
    with _worker(work, "alive"):
        assert [leftover.path for leftover in stale_workcells(work, remove=True)] == [killed]
        assert (work / "cells" / "alive" / "logs" / "log").exists()


def test_a_workcell_of_this_very_process_stays(work: Path) -> None:
    with open_workcell(work, "mine") as cell:
        assert stale_workcells(work, remove=True) == []
        assert cell.root.exists()


def test_what_a_workcell_links_to_stays(work: Path, killed: Path, tmp_path: Path) -> None:
    treasure = tmp_path / "treasure"
    treasure.mkdir()
    (treasure / "gold").write_text("g" * 5000)
    (killed / "cell" / "way").symlink_to(treasure)
    (work / "cells" / "bridge").symlink_to(treasure)
    assert sum(leftover.size for leftover in stale_workcells(work, remove=True)) < 2000
    assert (treasure / "gold").exists()
    assert not (work / "cells" / "bridge").is_symlink()


def test_a_directory_of_workcells_that_is_a_link_is_left_alone(work: Path, tmp_path: Path) -> None:
    (tmp_path / "home" / "photos").mkdir(parents=True)
    work.mkdir()
    for name in ("cells", "mirrors"):
        (work / name).symlink_to(tmp_path / "home")
    assert stale_workcells(work, remove=True) == stale_mirrors(work, remove=True) == []
    assert (tmp_path / "home" / "photos").exists()


def test_without_a_work_directory_there_is_nothing_to_do(work: Path) -> None:
    assert stale_workcells(work, remove=True) == stale_mirrors(work, remove=True) == []
    assert stale_setups(work, remove=True) == []


def _mirror(work: Path, name: str, *, commits: bool, idle: float) -> Path:
    mirror = work / "mirrors" / f"{name}.git"
    (mirror / "objects" / "pack").mkdir(parents=True)
    (mirror / "refs" / "bench").mkdir(parents=True)
    if commits:
        (mirror / "refs" / "bench" / ("0" * 40)).write_text("0" * 40)
    lock = mirror.with_suffix(".lock")
    lock.touch()
    _age(mirror, idle)
    _age(lock, idle)
    return mirror


def _age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


@pytest.fixture
def mirrors(work: Path) -> Iterator[dict[str, Path]]:
    """One of each kind."""
    used, long = 3 * 24 * 3600.0, UNUSED_SECONDS + 60
    made = {
        "used": _mirror(work, "used", commits=True, idle=used),
        "unused": _mirror(work, "unused", commits=True, idle=long),
        "empty": _mirror(work, "empty", commits=False, idle=2 * 3600),
        "beginning": _mirror(work, "beginning", commits=False, idle=60),
    }
    yield made
    assert made["used"].exists()
    assert made["beginning"].exists()


def test_mirrors_without_use_or_commits_go(work: Path, mirrors: dict[str, Path]) -> None:
    stale = {mirrors["unused"], mirrors["empty"]}
    assert {leftover.path for leftover in stale_mirrors(work, remove=False)} == stale
    assert all(path.exists() for path in stale)
    assert len(stale_mirrors(work, remove=True)) == 2
    assert not any(path.exists() for path in stale)
    assert [path.name for path in (work / "mirrors").glob("*.gone")] == []


def test_a_mirror_that_is_fetched_into_stays(work: Path, mirrors: dict[str, Path]) -> None:
    with locked(mirrors["unused"].with_suffix(".lock")):
        _age(mirrors["unused"].with_suffix(".lock"), UNUSED_SECONDS + 60)
        assert [leftover.path.name for leftover in stale_mirrors(work, remove=True)] == ["empty.git.gone"]
    assert mirrors["unused"].exists()


def test_half_a_fetch_goes_from_a_mirror_that_stays(work: Path, mirrors: dict[str, Path]) -> None:
    pack = mirrors["used"] / "objects" / "pack"
    for name, idle in (("tmp_pack_old", 7200.0), ("tmp_pack_new", 10.0), ("pack-1.pack", 7200.0)):
        (pack / name).write_text("p" * 100)
        _age(pack / name, idle)
    removed = [leftover for leftover in stale_mirrors(work, remove=True) if leftover.kind == "half a fetch"]
    assert removed == [Leftover("half a fetch", pack / "tmp_pack_old", 100)]
    assert sorted(path.name for path in pack.iterdir()) == ["pack-1.pack", "tmp_pack_new"]


def test_a_mirror_whose_removal_was_cut_short_goes_the_next_time(work: Path) -> None:
    half = work / "mirrors" / "x.git.gone"
    (half / "objects").mkdir(parents=True)
    assert [leftover.path for leftover in stale_mirrors(work, remove=True)] == [half]
    assert not half.exists()


def test_a_mirror_goes_also_where_the_removal_of_its_like_was_cut_short(work: Path) -> None:
    mirror = work / "mirrors" / "x.git"
    (mirror / "refs").mkdir(parents=True)
    half = work / "mirrors" / "x.git.gone"
    (half / "objects").mkdir(parents=True)
    lock = mirror.with_suffix(".lock")
    lock.touch()
    _age(mirror, 2 * UNUSED_SECONDS)
    _age(lock, 2 * UNUSED_SECONDS)
    stale_mirrors(work, remove=True)
    assert list((work / "mirrors").iterdir()) == [lock]


def test_a_size_counts_files_and_no_links(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "f").write_bytes(b"12345")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert size_of(tmp_path / "a") == 5
    assert size_of(tmp_path / "b") < 300
    assert size_of(tmp_path / "gone") == 0


def test_two_at_once_clear_all_and_tell_of_each_once(work: Path) -> None:
    for number in range(40):
        (work / "cells" / f"x{number}" / "cell").mkdir(parents=True)
    call = (
        "import sys; from pathlib import Path; from workers.execution.leftovers import stale_workcells as s; "
    )
    call += "print(len(s(Path(sys.argv[1]), remove=True)))"
    command = [sys.executable, "-c", call, str(work)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    paths = [int(leftover.communicate(timeout=100)[0]) for leftover in both]
    assert [leftover.returncode for leftover in both] == [0, 0]
    assert sum(paths) == 40
    assert list((work / "cells").iterdir()) == []


def _setup(work: Path, name: str, *, whole: bool, idle: float) -> Path:
    products = work / "setups" / name
    products.mkdir(parents=True)
    (products / "tool").write_text("t" * 100)
    _age(products, idle)
    if whole:
        seal.seal(products, stamp(products), contents=True)
        _age(stamp(products), idle)
    return products


def test_setups_without_use_or_end_go(work: Path) -> None:
    long = UNUSED_SECONDS + 60
    unused = _setup(work, "unused", whole=True, idle=long)
    cut_short = _setup(work, "cut-short", whole=False, idle=2 * 3600)
    stays = [
        _setup(work, "used-again", whole=True, idle=long),
        _setup(work, "beginning", whole=False, idle=60),
        _setup(work, "made-now", whole=False, idle=2 * 3600),
    ]
    assert kept_products(stays[0])
    with locked(work / "setups" / "made-now.lock"):
        expected = [Leftover("set-up", cut_short, 100), Leftover("set-up", unused, 100)]
        assert stale_setups(work, remove=False) == expected
        assert stale_setups(work, remove=True) == expected
    assert kept_products(unused) is None
    assert not unused.exists()
    assert not cut_short.exists()
    assert all(leftover.exists() for leftover in stays)


def test_a_setup_that_is_taken_into_use_at_the_last_moment_stays(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    products = _setup(work, "old", whole=True, idle=UNUSED_SECONDS + 60)

    def judged(leftover: Path) -> bool:
        stale = judge(leftover)
        assert kept_products(products)
        return stale

    judge = leftovers._is_stale_setup
    monkeypatch.setattr(leftovers, "_is_stale_setup", judged)
    assert stale_setups(work, remove=True) == []
    assert (products / "tool").exists()
    assert kept_products(products)


@pytest.mark.parametrize("draft", [".w-{}.draft-ab", ".making-w-{}-ab"])
def test_the_draft_of_an_archive_is_removed_after_an_hour_and_a_younger_one_stays(
    tmp_path: Path, draft: str
) -> None:
    for name in ("w-1", draft.format(2), draft.format(3)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text("{}")
    long_ago = time.time() - 7200
    for name in ("w-1", draft.format(2)):
        os.utime(tmp_path / name, (long_ago, long_ago))
    left = [Leftover("half an archive", tmp_path / draft.format(2), 2)]
    assert half_archives(tmp_path, remove=False) == left
    assert half_archives(tmp_path, remove=True) == left
    assert sorted(path.name for path in tmp_path.iterdir()) == [draft.format(3), "w-1"]
    assert half_archives(tmp_path / "nowhere", remove=True) == []


def test_large_files_that_nothing_uses_and_halves_of_others_go(work: Path) -> None:
    store = work / "mirrors" / "lfs"
    ages = {
        f"objects/aa/aa/{'a' * 64}": UNUSED_SECONDS + 100,
        f"objects/bb/bb/{'b' * 64}": UNUSED_SECONDS - 1000,
        "objects/aa/aa/tmpdraft": 4000.0,
        "objects/bb/bb/tmpdraft": 100.0,
        "incomplete/x.part": 4000.0,
        "fetch-new/HEAD": 0.0,
    }
    for name, age in ages.items():
        (store / name).parent.mkdir(parents=True, exist_ok=True)
        (store / name).write_text("content")
        os.utime(store / name, (time.time() - age,) * 2)
    assert stale_objects(work, remove=False) == stale_objects(work, remove=True)
    left = {str(path.relative_to(store)) for path in store.rglob("*") if path.is_file()}
    assert left == {f"objects/bb/bb/{'b' * 64}", "objects/bb/bb/tmpdraft", "fetch-new/HEAD"}
    assert stale_objects(work / "nowhere", remove=True) == []
