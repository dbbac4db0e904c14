"""Whatever was left behind, the next command finds a way back, with the data."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from bench.embedded.errors import EmbeddedError
from bench.embedded.farm import EmbeddedFarm
from bench.embedded.processes import birth, kill, wait_until
from tests.integration.embedded.conftest import ONE_OF_EACH, REPOSITORY, recall, remember, servers_of, tops


def pid_of(farm: EmbeddedFarm, name: str) -> int:
    (pid,) = [part.pid for part in farm.status() if part.name == name]
    assert pid is not None
    return pid


def has_crashed(farm: EmbeddedFarm, name: str) -> bool:
    return name in [part.name for part in farm.status() if part.state == "crashed"]


def assert_whole(farm: EmbeddedFarm, *words: str) -> None:
    """One of each server, all data there, and down leaves nothing."""
    urls = farm.up()
    assert tops(farm) == ONE_OF_EACH
    assert recall(urls) == sorted(words)
    farm.down()
    assert servers_of(farm) == []
    assert not farm.paths.sockets.exists()


def test_a_killed_part_is_told_and_started_anew(farm: EmbeddedFarm) -> None:
    farm.up()
    for name in ("postgres", "broker"):
        os.kill(pid_of(farm, name), signal.SIGKILL)
        assert wait_until(partial(has_crashed, farm, name), 100)
        assert recall(farm.up()) == ["committed"]
        assert tops(farm) == ONE_OF_EACH
    assert_whole(farm, "committed")


def test_backends_that_outlive_a_killed_postmaster_do_not_bar_the_way(farm: EmbeddedFarm) -> None:
    urls = farm.up()
    connection = psycopg.connect(urls.database_url)
    (backend,) = connection.execute("SELECT pg_backend_pid()").fetchone() or (0,)
    # A stopped backend cannot notice that its postmaster is gone.
    os.kill(backend, signal.SIGSTOP)
    os.kill(pid_of(farm, "postgres"), signal.SIGKILL)
    assert wait_until(partial(has_crashed, farm, "postgres"), 100)
    assert recall(farm.up()) == ["committed"]
    assert birth(backend) is None
    connection.close()
    assert_whole(farm, "committed")


def test_after_a_reboot_recycled_pids_are_left_alone(farm: EmbeddedFarm) -> None:
    farm.up()
    kill(servers_of(farm))
    # A bystander of the same account: its pid is what PostgreSQL itself would be afraid of.
    owner = (farm.paths.root / "postgres").stat()
    with _bystander(owner.st_uid, owner.st_gid) as bystander:
        note = farm.paths.root / "postgres" / "postmaster.pid"
        _, *rest = note.read_text().splitlines()
        note.write_text("\n".join([str(bystander.pid), *rest]) + "\n")
        lock = farm.paths.sockets / "pg" / ".s.PGSQL.5432.lock"
        _, *rest = lock.read_text().splitlines()
        lock.write_text("\n".join([str(bystander.pid), *rest]) + "\n")
        for record in farm.paths.run.glob("*.json"):
            record.write_text(json.dumps({**json.loads(record.read_text()), "pid": bystander.pid}))
        assert [part.state for part in farm.status()] == ["crashed", "crashed"]
        assert_whole(farm, "committed")
        assert bystander.poll() is None


@contextmanager
def _bystander(uid: int, gid: int) -> Iterator[subprocess.Popen[bytes]]:
    account: dict[str, Any] = {"user": uid, "group": gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "600"], **account) as process:
        try:
            yield process
        finally:
            process.kill()


def test_vanished_sockets_are_made_again(farm: EmbeddedFarm) -> None:
    farm.up()
    shutil.rmtree(farm.paths.sockets)
    assert_whole(farm, "committed")


def test_servers_of_which_no_note_was_left_are_found_and_replaced(farm: EmbeddedFarm) -> None:
    farm.up()
    for settle in (farm.up, farm.down):
        orphans = servers_of(farm)
        for record in farm.paths.run.glob("*.json"):
            record.unlink()
        settle()
        assert [birth(orphan.pid) for orphan in orphans] == [None] * len(orphans)
    assert_whole(farm, "committed")


def test_a_directory_deleted_under_a_running_farm_is_begun_anew(farm: EmbeddedFarm) -> None:
    farm.up()
    orphans = servers_of(farm)
    shutil.rmtree(farm.paths.root)
    remember(farm.up(), "new")
    assert [birth(orphan.pid) for orphan in orphans] == [None] * len(orphans)
    assert_whole(farm, "new")


def test_down_ends_the_servers_of_a_directory_that_was_deleted(farm: EmbeddedFarm) -> None:
    farm.up()
    orphans = servers_of(farm)
    shutil.rmtree(farm.paths.root)
    farm.down()
    assert [birth(orphan.pid) for orphan in orphans] == [None] * len(orphans)
    assert not farm.paths.sockets.exists()


def test_a_directory_moved_under_a_running_farm_takes_its_servers_along(
    farm: EmbeddedFarm, place: Path
) -> None:
    farm.up()
    orphans = servers_of(farm)
    (place / "elsewhere").mkdir()
    moved = EmbeddedFarm(farm.paths.root.rename(place / "elsewhere" / ".bench"))
    assert recall(moved.up()) == ["committed"]
    assert not farm.paths.sockets.exists()
    moved.down()
    assert [birth(orphan.pid) for orphan in orphans] == [None] * len(orphans)
    assert_whole(moved, "committed")


# An `up` that stops its initdb half-way, tells its pid, and never goes on.
_CUT_SHORT = """
import signal, subprocess, sys, time
from pathlib import Path
from bench.embedded.farm import EmbeddedFarm

def run(argv, whole=subprocess.run, **options):
    if "--pgdata" not in argv:
        return whole(argv, **options)
    del options["check"]
    initdb = subprocess.Popen(argv, **options)
    while not (Path(argv[argv.index("--pgdata") + 1]) / "base").exists():
        time.sleep(0.001)
    initdb.send_signal(signal.SIGSTOP)
    print(initdb.pid, flush=True)
    signal.pause()

subprocess.run = run
EmbeddedFarm(Path(sys.argv[1])).up()
"""


@pytest.mark.parametrize("orphaned", [True, False])
def test_an_initdb_that_was_cut_short_is_done_again(new_farm: EmbeddedFarm, orphaned: bool) -> None:
    root = new_farm.paths.root
    argv = [sys.executable, "-c", _CUT_SHORT, str(root)]
    with subprocess.Popen(argv, cwd=REPOSITORY, start_new_session=True, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        initdb = int(child.stdout.readline())
        if not orphaned:
            os.kill(initdb, signal.SIGKILL)
        child.kill()
    assert not (root / "postgres").exists()
    remember(new_farm.up(), "whole")
    assert birth(initdb) is None
    assert not list(root.glob("postgres.new-*"))
    assert_whole(new_farm, "whole")


def test_a_command_killed_before_the_database_was_created_is_made_good(farm: EmbeddedFarm) -> None:
    urls = farm.up()
    with psycopg.connect(urls.database_url.replace("/bench?", "/postgres?"), autocommit=True) as connection:
        connection.execute("DROP DATABASE bench")
    record = farm.paths.run / "postgres.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "ready": False}))
    remember(farm.up(), "made good")
    assert_whole(farm, "made good")


def test_data_are_never_given_up(farm: EmbeddedFarm) -> None:
    data = farm.paths.root / "postgres"
    version, secrets = (data / "PG_VERSION").read_text(), farm.paths.secrets.read_text()

    (data / "PG_VERSION").write_text("14\n")
    with pytest.raises(
        EmbeddedError, match=r"was made by PostgreSQL 14, and this is 18; set BENCH_POSTGRES_BIN"
    ):
        farm.up()
    (data / "PG_VERSION").unlink()
    with pytest.raises(EmbeddedError, match="is there and holds no database"):
        farm.up()
    (data / "PG_VERSION").write_text(version)

    farm.paths.secrets.unlink()
    with pytest.raises(EmbeddedError, match=r"secrets\.json is missing, and the data in .* accept no other"):
        farm.up()
    farm.paths.secrets.write_text(json.dumps({"postgres": "wrong", "broker": "any"}))
    with pytest.raises(EmbeddedError, match=r"refuses its owner: .*password authentication failed"):
        farm.up()
    farm.paths.secrets.write_text(secrets)
    assert_whole(farm, "committed")


def test_a_server_that_does_not_start_says_why(farm: EmbeddedFarm) -> None:
    config = farm.paths.root / "postgres" / "postgresql.conf"
    text = config.read_text()
    config.write_text(text + "shared_buffers = 'plenty'\n")
    with pytest.raises(
        EmbeddedError, match=r"does not start: .*(plenty|configuration file).*postgres\.log\)"
    ):
        farm.up()
    assert "valkey-server" in tops(farm)
    assert psutil.pid_exists(pid_of(farm, "broker"))
    config.write_text(text)
    assert_whole(farm, "committed")
