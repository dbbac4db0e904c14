"""Background processes of a farm, known by pid and birth so that a recycled pid is never touched."""

import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from bench.embedded.errors import EmbeddedError
from planner.system.atomic import write_atomic
from workers.process_identity import identity_of, living

# Children inherit it, so a family is found even after the process that began it was killed.
FAMILY = "FARM_FAMILY"
PLACE = "FARM_PLACE"
"""Of the environment of a daemon: device and inode of the directory of its record, and its path then."""
_LONGEST_LOG_BYTES = 8 * 1024 * 1024
_KILL_SECONDS = 10.0
# What this interpreter started itself and has to reap.
_own_children: set[int] = set()


@dataclass(frozen=True)
class Record:
    """What is noted of a started process: `born` and `place` make it unmistakable."""

    pid: int
    born: str
    place: str
    family: str
    ready: bool = False


@dataclass(frozen=True)
class Daemon:
    """A process that outlives the command that started it; its record and log lie in the farm's directory."""

    name: str
    record: Path
    log: Path

    def process(self) -> psutil.Process | None:
        """The living process that was recorded; None where it is gone, or its pid is somebody else's now."""
        note = self._note()
        return _recorded(note) if note is not None else None

    @property
    def was_started(self) -> bool:
        """Whether it should be running: started, and not stopped since."""
        return self._note() is not None

    @property
    def is_ready(self) -> bool:
        """Whether `mark_ready` was called since its start."""
        note = self._note()
        return note is not None and note.ready

    def start(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        cwd: Path | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> bool:
        """Start it in a session of its own, unless it is alive; whether it was started.

        `options` go to `subprocess.Popen`. What a crashed one left behind is ended first.
        """
        if self.process() is not None:
            return False
        self.stop(grace_seconds=0)
        family = secrets.token_hex(16)
        trim(self.log)
        # Before it lives: whoever is ended before its pid is noted leaves a family that `stop` finds.
        self._write(Record(0, "", self._place(), family))
        marks = {FAMILY: family, PLACE: f"{self._place()}:{self.record.parent}"}
        pid = self._spawn(argv, {**environment, **marks}, cwd, dict(options or {}))
        self._write(Record(pid, birth(pid) or "", self._place(), family))
        return True

    def adopt(self, is_ours: Callable[[psutil.Process], bool]) -> None:
        """Take over a record that came here with a copy of its directory, where its process `is_ours` by now.

        Else it goes: it speaks of another directory's process, or of none.
        """
        note = self._read()
        if note is None or note.place == self._place():
            return
        process = _recorded(note)
        if process is not None and is_ours(process):
            self._write(replace(note, place=self._place()))
        else:
            self.record.unlink(missing_ok=True)

    def mark_ready(self) -> None:
        """Note that it serves, so that the next command need not look again."""
        note = self._note()
        if note is not None:
            self._write(Record(note.pid, note.born, note.place, note.family, ready=True))

    def stop(self, grace_seconds: float, signals: Sequence[signal.Signals] = (signal.SIGTERM,)) -> None:
        """Send each signal and wait the grace after each; then SIGKILL to it and to all it left behind.

        Returns when nothing of it lives; `EmbeddedError` where something cannot be ended.
        """
        note = self._note()
        if note is None:
            return
        process = _recorded(note)
        family = _descendants(process)
        if process is not None:
            end(process, grace_seconds, signals)
        kill([*family, *members(note.family)])
        self.record.unlink(missing_ok=True)

    def last_words(self, since: int = 0) -> str:
        """What its log said last, for an error message: from byte `since` on, a fatal line before any other."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(since, self.log.stat().st_size - 65536))
                lines = log.read().decode(errors="replace").strip().splitlines()
        except OSError:
            return ""
        fatal = [line for line in lines if "FATAL" in line or "PANIC" in line]
        return (fatal or lines or [""])[-1].strip()

    def log_size(self) -> int:
        """How long its log is, in bytes."""
        return self.log.stat().st_size if self.log.exists() else 0

    def _spawn(
        self, argv: Sequence[str], environment: dict[str, str], cwd: Path | None, options: dict[str, Any]
    ) -> int:
        try:
            with self.log.open("ab") as log:
                child = subprocess.Popen(
                    argv,
                    env=environment,
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    **options,
                )
        except OSError as error:
            self.record.unlink(missing_ok=True)
            raise EmbeddedError(f"cannot start {self.name} ({argv[0]}): {error.strerror}") from error
        # It is meant to outlive this interpreter, which must not complain of a child not waited for.
        child.returncode = 0
        _own_children.add(child.pid)
        return child.pid

    def _note(self) -> Record | None:
        note = self._read()
        return note if note is not None and note.place == self._place() else None

    def _read(self) -> Record | None:
        try:
            return Record(**json.loads(self.record.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _place(self) -> str:
        """Tells the farm's directory from a copy of it, whose records speak of the original's processes."""
        return place_of(self.record.parent)

    def _write(self, note: Record) -> None:
        write_atomic(self.record, json.dumps(vars(note)))


def place_of(directory: Path) -> str:
    """What tells a directory from every other one there is now, also after it was moved."""
    found = directory.stat()
    return f"{found.st_dev}:{found.st_ino}"


def birth(pid: int) -> str | None:
    """The identity of the process with this pid; None for a dead one or a zombie. Reaps an own child that ended."""
    _reap(pid)
    return identity_of(pid)


def _recorded(note: Record) -> psutil.Process | None:
    """The living process of a record; None where it has ended, or its pid is another process's now."""
    _reap(note.pid)
    return living(note.pid, note.born)


def end(process: psutil.Process, grace_seconds: float, signals: Sequence[signal.Signals]) -> None:
    """Send each signal in turn and wait the grace after each, then SIGKILL; returns when it is gone."""
    for number in signals:
        if grace_seconds > 0 and _signalled_to_end(process, number, grace_seconds):
            return
    if not _signalled_to_end(process, signal.SIGKILL, _KILL_SECONDS):
        raise EmbeddedError(f"process {process.pid} does not end, not even by SIGKILL; its disk may hang")


def kill(processes: Iterable[psutil.Process]) -> None:
    """SIGKILL to each that still lives, and wait."""
    for process in list(processes):
        if process.is_running() and birth(process.pid) is not None:
            end(process, 0, ())


def members(family: str) -> list[psutil.Process]:
    """Every living process that inherited this family's name."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(FAMILY) == family:
                found.append(process)
    return found


def wait_until(ready: Callable[[], bool], timeout: float, pause: float = 0.01) -> bool:
    """Poll `ready` until it is true or the time (seconds) is up. For servers that offer no event to wait on."""
    deadline = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def trim(log: Path) -> None:
    """Keep a log from growing without end: its last part moves to `<name>.1`. Its writers append, and go on."""
    with suppress(OSError):
        if log.stat().st_size > _LONGEST_LOG_BYTES:
            with log.open("r+b") as old:
                old.seek(-_LONGEST_LOG_BYTES // 2, os.SEEK_END)
                log.with_name(log.name + ".1").write_bytes(old.read())
                old.truncate(0)


def _signalled_to_end(process: psutil.Process, number: signal.Signals, patience: float) -> bool:
    born = birth(process.pid)
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return True
    return wait_until(lambda: born is None or birth(process.pid) != born, patience)


def _descendants(process: psutil.Process | None) -> list[psutil.Process]:
    try:
        return process.children(recursive=True) if process is not None else []
    except psutil.NoSuchProcess:
        return []


def _reap(pid: int) -> None:
    if pid in _own_children:
        try:
            gone, _ = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            gone = pid
        if gone:
            _own_children.discard(pid)
