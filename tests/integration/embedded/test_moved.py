"""A farm's directory that is moved, copied or deleted while it runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bench.embedded.farm import EmbeddedFarm
from bench.embedded.orphans import end_deleted_farms, processes_of_deleted_farms
from bench.embedded.processes import Daemon, birth, wait_until
from tests.integration.embedded.conftest import ONE_OF_EACH, recall, remember, servers_of, tops

BENCH = str(Path(sys.executable).with_name("bench"))


def pids(farm: EmbeddedFarm) -> dict[str, int]:
    return {part.name: part.pid for part in farm.status() if part.pid is not None}


def sleeper(farm: EmbeddedFarm) -> Daemon:
    """A daemon in addition to the servers."""
    part = farm.daemon("worker")
    part.start(["sleep", "600"], {"PATH": os.environ["PATH"]})
    return part


def test_a_farm_that_was_moved_while_it_ran_says_so_and_starts_anew_at_its_place(farm: EmbeddedFarm) -> None:
    farm.up()
    part = sleeper(farm).process()
    assert part is not None
    before, place = pids(farm), farm.paths.root.parent / "elsewhere"
    farm.paths.root.rename(place)
    told: list[str] = []
    moved = EmbeddedFarm(place, told.append)
    assert recall(moved.up()) == ["committed"]
    assert told == [
        f"this farm was moved here from {farm.paths.root} while it ran: its parts are stopped and restarted here"
    ]
    for pid in (*before.values(), part.pid):
        assert birth(pid) is None
    assert tops(moved) == ONE_OF_EACH
    assert not farm.paths.sockets.exists()
    told.clear()
    moved.up()
    moved.down()
    assert told == []
    assert servers_of(moved) == []


def test_down_ends_a_moved_farm_too(farm: EmbeddedFarm) -> None:
    farm.up()
    before, place = pids(farm), farm.paths.root.parent / "elsewhere"
    farm.paths.root.rename(place)
    EmbeddedFarm(place).down()
    assert [birth(pid) for pid in before.values()] == [None, None]


def test_a_copy_is_a_farm_of_its_own_and_leaves_the_first_alone(farm: EmbeddedFarm) -> None:
    remember(farm.up(), "before")
    part = sleeper(farm).process()
    assert part is not None
    before = pids(farm)
    place = farm.paths.root.parent / "copy"
    with farm.locked():
        subprocess.run(["cp", "-r", str(farm.paths.root), str(place)], check=True)
    told: list[str] = []
    copy = EmbeddedFarm(place, told.append)
    urls = copy.up()
    assert (
        told[0] == f"this farm is a copy of the one in {farm.paths.root}, and independent of it from now on"
    )
    remember(urls, "in the copy")
    assert recall(urls) == ["before", "committed", "in the copy"]
    copy.down()
    assert pids(farm) == before
    assert part.is_running()
    assert recall(farm.up()) == ["before", "committed"]
    assert pids(farm) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's data lie outside of the farm's directory")
def test_a_copy_of_roots_farm_does_not_take_the_data_it_links_to(place: Path) -> None:
    private = place / "private"
    private.mkdir(mode=0o700)
    farm = EmbeddedFarm(private / ".bench")
    remember(farm.up(), "mine")
    assert farm.paths.root.joinpath("postgres").is_symlink()
    before = pids(farm)
    shutil.copytree(farm.paths.root, private / "copy", symlinks=True)
    copy = EmbeddedFarm(private / "copy")
    with pytest.raises(Exception, match="is a link to the data of the farm in"):
        copy.up()
    copy.down()
    assert pids(farm) == before
    assert recall(farm.up()) == ["mine"]

    # Moved, the data go along; and the copy knows the farm still by what runs.
    farm.paths.root.rename(private / "moved")
    with pytest.raises(Exception, match="is a link to the data of the farm in"):
        copy.up()
    moved = EmbeddedFarm(private / "moved")
    assert recall(moved.up()) == ["mine"]
    moved.down()


def test_a_farm_copied_to_another_disk_and_deleted_here_takes_its_parts_over(farm: EmbeddedFarm) -> None:
    farm.up()
    part = sleeper(farm).process()
    assert part is not None
    place = farm.paths.root.parent / "copy"
    subprocess.run(["cp", "-a", str(farm.paths.root), str(place)], check=True)
    shutil.rmtree(farm.paths.root)
    copy = EmbeddedFarm(place)
    copy.up()
    assert birth(part.pid) is None
    copy.down()


def test_what_runs_of_a_deleted_farm_is_found_and_ended(farm: EmbeddedFarm) -> None:
    farm.up()
    part = sleeper(farm).process()
    assert part is not None
    ours = {*pids(farm).values(), part.pid}
    assert not ours & {process.pid for process in processes_of_deleted_farms()}
    (farm.paths.logs / "broker.log").unlink()
    assert not ours & {process.pid for process in processes_of_deleted_farms()}, "a log is not the farm"
    shutil.rmtree(farm.paths.root)
    assert ours <= {process.pid for process in processes_of_deleted_farms()}
    end_deleted_farms()
    assert [pid for pid in ours if birth(pid) is not None] == []


@pytest.mark.slow
def test_the_parts_of_a_deleted_farm_end_by_themselves(place: Path) -> None:
    def bench(*arguments: str) -> None:
        subprocess.run([BENCH, *arguments], cwd=place, check=True, capture_output=True, timeout=120)

    bench("up", "--slots", "1")
    farm = EmbeddedFarm(place / ".bench")
    parts = [farm.daemon(name).process() for name in ("coordinator", "worker", "broker", "postgres")]
    living = [process for process in parts if process is not None]
    assert len(living) == 4
    shutil.rmtree(farm.paths.root, ignore_errors=True)
    gone, _ = psutil.wait_procs(living, timeout=100)
    assert wait_until(lambda: not any(process.is_running() for process in living), 5), gone
