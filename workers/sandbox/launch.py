"""Lifecycle of one sandboxed program: start it, send SIGTERM to its process groups, kill all that is left."""

import contextlib
import json
import os
import select
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil

from workers.sandbox import sweep
from workers.sandbox.program import MARK, Rung, SandboxedProgram

_DEATH_SECONDS = 10.0


class Launched:
    """A started program. Leaving the context kills every process of it.

    The thread that starts it must outlive it: a parent-death signal is sent when that thread ends.
    """

    def __init__(self, rung: Rung, program: SandboxedProgram, *, merge: bool) -> None:
        self._rung = rung
        self._mark = program.env[MARK]
        self._init: int | None = None
        self._tree = 0
        self._destroyed = False
        self._information = b""
        theirs, self._ours = _pipe(rung.lifeline)
        try:
            self.process = _popen(rung.argv(program, theirs), program, theirs, merge)
        except BaseException:
            os.close(self._ours)
            raise
        finally:
            os.close(theirs)
        if not rung.lifeline:
            self._information = _first_line(self._ours)
            self._init, self._tree = _first_child(self._information, is_foreign=rung.image is not None)
            os.set_blocking(self._ours, False)
        self.exit_fd = _pidfd(self.process.pid)

    @property
    def tree(self) -> int:
        """The process below which all of the program's are, and no others of the launcher's."""
        return self._tree or self.process.pid

    def outputs(self) -> list[IO[bytes]]:
        """Standard output, and standard error unless it was merged."""
        return [stream for stream in (self.process.stdout, self.process.stderr) if stream is not None]

    def check_started(self) -> None:
        """Raises `OSError` where the launcher ended without having started the program."""
        if not self._rung.lifeline and b'"exit-code"' not in self._told():
            raise OSError(f"sandbox {self._rung.name} could not start the program")

    def is_out_of_memory(self) -> bool:
        """Whether the sandbox itself stopped the program for its memory."""
        return not self._rung.lifeline and b'"out-of-memory"' in self._told()

    def _told(self) -> bytes:
        """All that the launcher has written so far."""
        if self._ours >= 0:
            self._information += _rest(self._ours)
        return self._information

    def terminate(self) -> None:
        """SIGTERM to every process group of the program, not to its launcher."""
        own = {self.process.pid, self.tree, os.getpgid(0)}
        for group in {_group(child.pid) for child in self._descendants()} - own - {None}:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group or 0, signal.SIGTERM)

    def destroy(self) -> None:
        """Kill everything and wait until it is dead."""
        if self._destroyed:
            return
        self._destroyed = True
        if self._rung.lifeline:
            self._cut_lifeline()
        else:
            self._kill_namespace()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self._rung.name == "group":
            sweep.kill_marked(self._mark.__eq__)

    def _cut_lifeline(self) -> None:
        self._close_ours()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_DEATH_SECONDS)

    def _kill_namespace(self) -> None:
        """The first process of the namespace takes all others with it, and is reaped after them."""
        if self._init is None:
            # Nothing has started yet, or all has ended: a launcher that removes what it made sees a broken pipe.
            self._told()
            self._close_ours()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_DEATH_SECONDS)
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(self._init, signal.SIGKILL)
        watch = select.poll()
        watch.register(self._init, select.POLLIN)
        watch.poll(_DEATH_SECONDS * 1000)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_DEATH_SECONDS)

    def _descendants(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.tree).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def _close_ours(self) -> None:
        if self._ours >= 0:
            os.close(self._ours)
            self._ours = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.destroy()
        finally:
            self._close_ours()
            for fd in (self._init, self.exit_fd):
                if fd is not None:
                    os.close(fd)
            for stream in self.outputs():
                stream.close()


def _pipe(lifeline: bool) -> tuple[int, int]:
    """(the launcher's end, our end): it reads a lifeline and writes its information."""
    read, write = os.pipe()
    return (read, write) if lifeline else (write, read)


def _popen(argv: list[str], program: SandboxedProgram, fd: int, merge: bool) -> subprocess.Popen[bytes]:
    stdin: IO[bytes] | int = subprocess.DEVNULL if program.stdin is None else _open(program.stdin)
    try:
        return subprocess.Popen(
            argv,
            cwd=program.cwd,
            env=dict(program.env),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merge else subprocess.PIPE,
            pass_fds=(fd, *program.descriptors),
            start_new_session=True,
        )
    finally:
        if not isinstance(stdin, int):
            stdin.close()


def _open(path: Path) -> IO[bytes]:
    return open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")  # noqa: PTH123


def _first_line(information: int) -> bytes:
    """What the launcher wrote up to the end of its first line; the exit of a quick program may be included."""
    text = b""
    while b"\n" not in text and (chunk := os.read(information, 4096)):
        text += chunk
    return text


def _first_child(information: bytes, *, is_foreign: bool) -> tuple[int | None, int]:
    """A pidfd of the sandbox's first process, whose pid is in the launcher's first line, and, where the processes are
    `is_foreign`, no descendants of the launcher itself, the parent of that process; else 0."""
    try:
        pid = int(json.loads(information.partition(b"\n")[0])["child-pid"])
    except (ValueError, KeyError, TypeError):
        return None, 0
    parent = 0
    if is_foreign:
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(pid).ppid()
    return _pidfd(pid), parent


def _rest(information: int) -> bytes:
    try:
        return os.read(information, 65536)
    except BlockingIOError:
        return b""


def _pidfd(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends; None where the system has none."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None
