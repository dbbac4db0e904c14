"""Background processes, proven with real ones."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from bench.embedded import processes
from bench.embedded.errors import EmbeddedError
from bench.embedded.processes import Daemon, birth, trim, wait_until

ENVIRONMENT = {"PATH": os.environ.get("PATH", "")}
SLEEP = ["sleep", "60"]


@pytest.fixture
def make_daemon(tmp_path: Path) -> Iterator[Callable[[str], Daemon]]:
    (tmp_path / "run").mkdir()
    made: list[Daemon] = []

    def make(name: str = "sleeper") -> Daemon:
        made.append(Daemon(name, tmp_path / "run" / f"{name}.json", tmp_path / f"{name}.log"))
        return made[-1]

    yield make
    for daemon in made:
        daemon.stop(0)


@pytest.fixture
def daemon(make_daemon: Callable[[str], Daemon]) -> Daemon:
    return make_daemon("sleeper")


@pytest.fixture
def stranger() -> Iterator[psutil.Process]:
    """A process that is none of the farm's."""
    with subprocess.Popen(SLEEP) as child:
        yield psutil.Process(child.pid)
        child.kill()


def script(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def read_pid(path: Path) -> int:
    """The pid that a script writes to `path`, in one go, once it is set up."""
    assert wait_until(path.exists, 100)
    return int(path.read_text())


def test_a_second_start_joins_the_first(daemon: Daemon) -> None:
    assert daemon.start(SLEEP, ENVIRONMENT) is True
    first = daemon.process()
    assert daemon.start(SLEEP, ENVIRONMENT) is False
    assert first is not None
    assert daemon.process() == first
    assert os.getsid(first.pid) == first.pid, "it must survive its terminal"


def test_a_stopped_one_leaves_no_process_and_no_note(daemon: Daemon) -> None:
    daemon.start(SLEEP, ENVIRONMENT)
    process = daemon.process()
    assert process is not None
    daemon.stop(5)
    assert birth(process.pid) is None
    assert (daemon.process(), daemon.was_started) == (None, False)
    daemon.stop(5)


def test_a_killed_one_counts_as_dead_while_it_is_a_zombie(daemon: Daemon) -> None:
    daemon.start(SLEEP, ENVIRONMENT)
    process = daemon.process()
    assert process is not None
    process.kill()
    assert wait_until(lambda: daemon.process() is None, 10)
    assert daemon.was_started
    assert daemon.start(SLEEP, ENVIRONMENT) is True


def test_one_whose_starter_is_interrupted_before_it_notes_the_pid_is_ended_all_the_same(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    born: list[int] = []

    def interrupted(pid: int) -> str:
        born.append(pid)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(processes, "birth", interrupted)
        with pytest.raises(KeyboardInterrupt):
            daemon.start(SLEEP, ENVIRONMENT)
    daemon.stop(0)
    assert birth(born[0]) is None


def test_readiness_ends_with_the_process_it_was_noted_for(daemon: Daemon) -> None:
    daemon.start(SLEEP, ENVIRONMENT)
    assert not daemon.is_ready
    daemon.mark_ready()
    assert daemon.is_ready
    daemon.stop(0)
    daemon.start(SLEEP, ENVIRONMENT)
    assert not daemon.is_ready


def test_a_process_with_a_recycled_pid_is_neither_taken_for_ours_nor_touched(
    daemon: Daemon, stranger: psutil.Process
) -> None:
    daemon.start(SLEEP, ENVIRONMENT)
    note = json.loads(daemon.record.read_text())
    daemon.stop(0)
    boot, _, ticks = (birth(stranger.pid) or "").rpartition("/")
    for born in ("", f"{boot}/{int(ticks) - 1}", f"another-boot/{ticks}"):
        daemon.record.write_text(json.dumps({**note, "pid": stranger.pid, "born": born}))
        assert daemon.process() is None
        daemon.stop(5)
        assert birth(stranger.pid) is not None


def test_a_copy_of_a_farm_does_not_take_the_originals_processes_for_its_own(
    daemon: Daemon, tmp_path: Path
) -> None:
    daemon.start(SLEEP, ENVIRONMENT)
    shutil.copytree(daemon.record.parent, tmp_path / "copy")
    twin = Daemon("sleeper", tmp_path / "copy" / "sleeper.json", tmp_path / "twin.log")
    assert (twin.process(), twin.was_started) == (None, False)
    twin.stop(5)
    assert daemon.process() is not None


def test_a_moved_farm_keeps_its_processes(daemon: Daemon, tmp_path: Path) -> None:
    daemon.start(SLEEP, ENVIRONMENT)
    daemon.record.parent.rename(tmp_path / "moved")
    moved = Daemon("sleeper", tmp_path / "moved" / "sleeper.json", tmp_path / "sleeper.log")
    assert moved.process() is not None
    moved.stop(5)
    assert moved.process() is None


def test_sigkill_follows_where_sigterm_is_ignored(daemon: Daemon, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    daemon.start(
        script(f"""
import os, pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
draft = pathlib.Path({str(mark)!r} + "~"); draft.write_text(str(os.getpid())); draft.rename({str(mark)!r})
time.sleep(60)"""),
        ENVIRONMENT,
    )
    pid = read_pid(mark)
    began = time.monotonic()
    daemon.stop(0.3)
    assert 0.3 <= time.monotonic() - began < 50
    assert birth(pid) is None


@pytest.mark.parametrize("crashed", [False, True])
def test_no_child_outlives_it_not_even_one_in_a_session_of_its_own(
    daemon: Daemon, tmp_path: Path, crashed: bool
) -> None:
    mark = tmp_path / "pid"
    daemon.start(
        script(f"""
import pathlib, subprocess, time
child = subprocess.Popen(["sleep", "60"], start_new_session=True)
draft = pathlib.Path({str(mark)!r} + "~"); draft.write_text(str(child.pid)); draft.rename({str(mark)!r})
time.sleep(60)"""),
        ENVIRONMENT,
    )
    child = read_pid(mark)
    process = daemon.process()
    assert process is not None
    if crashed:
        process.kill()
        assert wait_until(lambda: daemon.process() is None, 10)
        assert birth(child) is not None, "an orphan now"
    daemon.stop(5)
    assert birth(child) is None


def test_a_new_start_ends_the_orphans_of_a_crash_first(daemon: Daemon, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    daemon.start(
        script(f"""
import os, pathlib, signal, subprocess
child = subprocess.Popen(["sleep", "60"], start_new_session=True)
draft = pathlib.Path({str(mark)!r} + "~"); draft.write_text(str(child.pid)); draft.rename({str(mark)!r})
os.kill(os.getpid(), signal.SIGKILL)"""),
        ENVIRONMENT,
    )
    orphan = read_pid(mark)
    assert wait_until(lambda: daemon.process() is None, 10)
    daemon.start(SLEEP, ENVIRONMENT)
    assert birth(orphan) is None
    assert daemon.process() is not None


def test_a_missing_program_is_one_line_and_leaves_nothing_behind(daemon: Daemon) -> None:
    with pytest.raises(
        EmbeddedError, match=r"^cannot start sleeper \(/no/such\): No such file or directory$"
    ):
        daemon.start(["/no/such"], ENVIRONMENT)
    assert not daemon.was_started


def test_the_last_words_are_the_fatal_ones_of_this_start(daemon: Daemon) -> None:
    daemon.log.write_text("FATAL: of yesterday\n")
    since = daemon.log_size()
    assert daemon.last_words(since) == ""
    with daemon.log.open("a") as log:
        log.write("LOG: starting\nFATAL: no room\nLOG: the end\n")
    assert daemon.last_words(since) == "FATAL: no room"


def test_a_long_log_is_cut_while_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old" * 1_000_000 + b"\n" * 6_000_000 + b"the end")
        trim(log)
        writer.write(b"new")
    assert log.read_bytes() == b"new"
    kept = (tmp_path / "x.log.1").read_bytes()
    assert kept.endswith(b"the end")
    assert len(kept) == 4 * 1024 * 1024
    trim(log)
    assert log.read_bytes() == b"new"


def test_a_note_that_cannot_be_read_is_as_none(daemon: Daemon) -> None:
    for text in ("", "{", "[]", '{"pid": 1}', '{"pid": "1", "born": 2, "place": 3, "family": 4, "more": 5}'):
        daemon.record.write_text(text)
        assert (daemon.process(), daemon.was_started) == (None, False)
