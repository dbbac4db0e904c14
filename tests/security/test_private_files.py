"""Other users of the machine read nothing that a farm keeps, and what an older version left open is closed."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.fixtures.small_farm import small_farm
from workers.node.machine import node_settings
from workers.private import close_to_others, keep_private
from workers.repository.mirror import locked
from workers.workcell import open_workcell

STRANGER = "54321"
as_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root may become somebody else"
)


def readable_by_a_stranger(root: Path) -> list[str]:
    """Files below `root` that a second user may read, and directories that he may list, by their true names."""
    paths = [path for path in (root, *root.rglob("*")) if not path.is_symlink()]
    stranger = ["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"]
    look = 'while IFS= read -r path; do if [ -r "$path" ]; then echo "$path"; fi; done'
    done = subprocess.run(
        [*stranger, "sh", "-c", look],
        input="".join(f"{path}\n" for path in paths),
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    return done.stdout.splitlines()


def open_as_an_older_version_left_it(root: Path) -> None:
    for path in (root, *root.rglob("*")):
        # The database's files were private in every version.
        if not path.is_symlink() and path.owner() == root.owner():
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o644))


@as_root
@pytest.mark.slow
def test_a_second_user_reads_nothing_of_a_farm_even_if_an_older_version_left_it_open() -> None:
    with small_farm() as farm:
        (manifest,) = (farm.root / "archives").glob("*/manifest.json")
        assert list((farm.root / "work" / "mirrors").glob("*.git"))
        assert str(farm.directory / "bench.yaml") in readable_by_a_stranger(farm.directory), "the test looks"
        assert readable_by_a_stranger(farm.root) == []
        farm.bench("down")
        open_as_an_older_version_left_it(farm.root)
        assert {str(manifest), str(farm.root / "secrets.json")} <= set(readable_by_a_stranger(farm.root))
        farm.bench("up")
        assert readable_by_a_stranger(farm.root) == []


def test_a_worker_closes_its_directories_before_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, archives = tmp_path / "work", tmp_path / "archives"
    for name in ("cells", "mirrors", "setups", "run"):
        (work / name).mkdir(parents=True)
        (work / name).chmod(0o755)
    archives.mkdir(mode=0o755)
    archives.chmod(0o755)
    for name, value in {
        "BENCH_DATABASE_URL": "postgresql://nobody@127.0.0.1/none",
        "BENCH_BROKER_URL": "redis://127.0.0.1",
        "BENCH_WORK_DIR": str(work),
        "BENCH_ARCHIVES_DIR": str(archives),
    }.items():
        monkeypatch.setenv(name, value)
    node_settings(1, ["linux"], None, "m1")
    assert {path.name: mode(path) for path in (*work.iterdir(), archives)} == dict.fromkeys(
        ("cells", "mirrors", "setups", "run", "archives"), 0o700
    )


def test_what_a_worker_makes_is_private_from_the_first_moment(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with open_workcell(tmp_path / "work", "w1"), locked(tmp_path / "work" / "mirrors" / "m.lock"):
            made = {path.name: mode(path) for path in (tmp_path / "work").iterdir()}
    finally:
        os.umask(before)
    assert made == {"cells": 0o700, "mirrors": 0o700}
    assert mode(tmp_path / "work") == 0o700


@pytest.mark.parametrize("kept", [0o700, 0o750, 0o770, 0o2750])
def test_a_mode_that_shuts_others_out_already_is_its_owners_choice(tmp_path: Path, kept: int) -> None:
    directory = tmp_path / "archives"
    directory.mkdir()
    directory.chmod(kept)
    keep_private(directory)
    assert stat.S_IMODE(directory.stat().st_mode) == kept


def test_a_directory_that_is_shared_by_intent_stays_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    close_to_others(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
