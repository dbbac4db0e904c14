"""Sweep of dead workers: processes found by a mark in their environment, and removal of directories."""

import contextlib
import os
import shutil
import signal
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

from workers.sandbox.program import MARK

_SECONDS = 5.0


def is_real_directory(path: Path) -> bool:
    """Whether `path` itself is a directory, and no link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def _mark_of(process: Path) -> str | None:
    try:
        variables = (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return None
    prefix = f"{MARK}=".encode()
    return next((os.fsdecode(each[len(prefix) :]) for each in variables if each.startswith(prefix)), None)


def marked(chosen: Callable[[str], bool]) -> list[int]:
    """Ids of the processes whose mark is chosen, without this process. Linux only, elsewhere empty."""
    if sys.platform != "linux":
        return []
    pids = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            mark = _mark_of(process)
            if mark is not None and chosen(mark):
                pids.append(int(process.name))
    return pids


def kill_marked(chosen: Callable[[str], bool]) -> int:
    """Kill the processes whose mark is chosen, until none is left; returns how many were killed."""
    killed: set[int] = set()
    deadline = time.monotonic() + _SECONDS
    while (pids := marked(chosen)) and time.monotonic() < deadline:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
        time.sleep(0.01)
    return len(killed)


def remove_tree(path: Path) -> None:
    """Remove a directory that an untrusted program has written: links are not followed, modes are changed as needed."""

    def force(function: Callable[..., object], name: str, _error: object) -> None:
        with contextlib.suppress(OSError):
            os.chmod(os.path.dirname(name), 0o700)  # noqa: PTH101, PTH120 — a name from shutil
            if not os.path.islink(name):  # noqa: PTH114
                os.chmod(name, 0o700)  # noqa: PTH101
            if os.path.isdir(name) and not os.path.islink(name):  # noqa: PTH112, PTH114
                shutil.rmtree(name, ignore_errors=True)
            else:
                function(name)

    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
    elif path.exists():
        shutil.rmtree(path, onerror=force)
