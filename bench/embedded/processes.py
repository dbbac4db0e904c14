"""Daemons of a farm and their pid files, which include the start time, so that a recycled pid is never signalled."""

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

# Children inherit it, so that a process tree is identified even after its root was killed.
FAMILY = "FARM_FAMILY"
PLACE = "FARM_PLACE"
"""Variable of a daemon: device, inode and path at its start of the directory of its pid file."""
_LONGEST_LOG_BYTES = 8 * 1024 * 1024
_KILL_SECONDS = 10.0
_DIRECTORY_KEY = "place"
"""As pid files call it, those of older versions too."""
# Children of this interpreter, which it has to reap.
_own_children: set[int] = set()


@dataclass(frozen=True)
class Record:
    """Content of a pid file: `born` (start time) and `directory` (device and inode) make the pid unambiguous."""

    pid: int
    born: str
    directory: str
    family: str
    ready: bool = False


@dataclass(frozen=True)
class Daemon:
    """A daemon: it outlives the command that started it; its pid file and log are in the farm's directory."""

    name: str
    record: Path
    log: Path

    def process(self) -> psutil.Process | None:
        """The running process of the pid file; None where it has ended, or its pid was recycled."""
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
        """Start it in a session of its own, unless it runs (idempotent); returns whether it was started.

        `options` are passed to `subprocess.Popen`. Remains of a crashed one are ended first.
        """
        if self.process() is not None:
            return False
        self.stop(grace_seconds=0)
        family = secrets.token_hex(16)
        trim(self.log)
        # Written before the start: if this command is killed before it writes the pid, `stop` ends the family.
        self._write(Record(0, "", self._directory(), family))
        marks = {FAMILY: family, PLACE: f"{self._directory()}:{self.record.parent}"}
        pid = self._spawn(argv, {**environment, **marks}, cwd, dict(options or {}))
        self._write(Record(pid, birth(pid) or "", self._directory(), family))
        return True

    def adopt(self, is_ours: Callable[[psutil.Process], bool]) -> None:
        """Take over a pid file that was copied or moved with its directory, where its process `is_ours`.

        Otherwise it is stale and deleted: it names a process of another directory, or none.
        """
        note = self._read()
        if note is None or note.directory == self._directory():
            return
        process = _recorded(note)
        if process is not None and is_ours(process):
            self._write(replace(note, directory=self._directory()))
        else:
            self.record.unlink(missing_ok=True)

    def mark_ready(self) -> None:
        """Record readiness in the pid file, so that later commands need not probe the daemon."""
        note = self._note()
        if note is not None:
            self._write(Record(note.pid, note.born, note.directory, note.family, ready=True))

    def stop(self, grace_seconds: float, signals: Sequence[signal.Signals] = (signal.SIGTERM,)) -> None:
        """Graceful shutdown: send each signal and wait `grace_seconds` after each; then SIGKILL the process tree.

        Returns when all of its processes have ended; raises `EmbeddedError` where one cannot be ended.
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
        """The last line of its log from byte `since` on, for an error message; a fatal line is preferred."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(since, self.log.stat().st_size - 65536))
                lines = log.read().decode(errors="replace").strip().splitlines()
        except OSError:
            return ""
        fatal = [line for line in lines if "FATAL" in line or "PANIC" in line]
        return (fatal or lines or [""])[-1].strip()

    def log_size(self) -> int:
        """The size of its log, in bytes."""
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
        # It outlives this interpreter on purpose: a return code suppresses the warning about an unreaped child.
        child.returncode = 0
        _own_children.add(child.pid)
        return child.pid

    def _note(self) -> Record | None:
        note = self._read()
        return note if note is not None and note.directory == self._directory() else None

    def _read(self) -> Record | None:
        try:
            fields = json.loads(self.record.read_text(encoding="utf-8"))
            return Record(directory=fields.pop(_DIRECTORY_KEY), **fields)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def _directory(self) -> str:
        """Identity of the farm's directory, which a copy of it does not share."""
        return directory_identity(self.record.parent)

    def _write(self, note: Record) -> None:
        fields = dict(vars(note))
        fields[_DIRECTORY_KEY] = fields.pop("directory")
        write_atomic(self.record, json.dumps(fields))


def directory_identity(directory: Path) -> str:
    """Identity of a directory (device and inode), which a move within a file system preserves."""
    about = directory.stat()
    return f"{about.st_dev}:{about.st_ino}"


def birth(pid: int) -> str | None:
    """The identity of the process with this pid; None for a dead one or a zombie. Reaps an own child that ended."""
    _reap(pid)
    return identity_of(pid)


def _recorded(note: Record) -> psutil.Process | None:
    """The living process of a record; None where it has ended, or its pid is another process's now."""
    _reap(note.pid)
    return living(note.pid, note.born)


def end(process: psutil.Process, grace_seconds: float, signals: Sequence[signal.Signals]) -> None:
    """Graceful shutdown of one process: each signal with its grace period, then SIGKILL; returns when it has ended."""
    for number in signals:
        if grace_seconds > 0 and _signalled_to_end(process, number, grace_seconds):
            return
    if not _signalled_to_end(process, signal.SIGKILL, _KILL_SECONDS):
        raise EmbeddedError(f"process {process.pid} does not end, not even by SIGKILL; its disk may hang")


def kill(processes: Iterable[psutil.Process]) -> None:
    """Send SIGKILL to each running process, and wait."""
    for process in list(processes):
        if process.is_running() and birth(process.pid) is not None:
            end(process, 0, ())


def members(family: str) -> list[psutil.Process]:
    """The running processes of a family: those that inherited its variable."""
    processes = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(FAMILY) == family:
                processes.append(process)
    return processes


def wait_until(ready: Callable[[], bool], timeout: float, pause: float = 0.01) -> bool:
    """Poll `ready` until true or `timeout` (seconds), for servers without an event; returns whether it became true."""
    deadline = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def trim(log: Path) -> None:
    """Log rotation (copy and truncate): the last part of a long log is copied to `<name>.1`; writers keep appending."""
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
