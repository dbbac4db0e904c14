"""Orphaned processes: those of farms whose directory was deleted while they ran, without a `bench down`."""

import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from bench.embedded.processes import FAMILY, PLACE, directory_identity, end, kill

_LOOK_SECONDS: Final = 2.0
_WORKER_SECONDS: Final = 40.0
_SERVER_SECONDS: Final = 20.0


def call_when_deleted(leave: Callable[[], object]) -> None:
    """Watchdog thread: call `leave` once when the directory of the farm that started this process is deleted.

    Does nothing in a process that was not started by an embedded farm.
    """
    if FAMILY not in os.environ:
        return

    def watch() -> None:
        ended = threading.Event()
        while not is_deleted():
            ended.wait(_LOOK_SECONDS)
        leave()

    threading.Thread(target=watch, daemon=True).start()


def is_deleted() -> bool:
    """Whether this process was started by an embedded farm whose directory was deleted."""
    return was_deleted(os.getpid(), os.environ)


def processes_of_deleted_farms() -> list[psutil.Process]:
    """The session leader of every part of a deleted farm, among the processes visible to this user."""
    processes = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            # Session leaders only: a part's children write to the same log.
            if os.getsid(process.pid) == process.pid and was_deleted(process.pid, process.environ()):
                processes.append(process)
    return processes


def end_deleted_farms() -> list[psutil.Process]:
    """Shut down the orphans, workers first: they return their executions while the database still runs.

    Returns: the processes that were ended.
    """
    processes = [process for process in processes_of_deleted_farms() if process.pid != os.getpid()]
    parts = [process for process in processes if _is_part(process)]
    for process in parts:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    psutil.wait_procs(parts, timeout=_WORKER_SECONDS)
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            below = process.children(recursive=True)
            end(process, 0 if process in parts else _SERVER_SECONDS, (signal.SIGINT, signal.SIGTERM))
            kill(below)
    return processes


def _is_part(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return "bench.cli.main" in process.cmdline()
    return False


def was_deleted(pid: int, environment: Mapping[str, str]) -> bool:
    """Whether the directory of a daemon was deleted: its log is unlinked, and its path is missing or another directory.

    False where the directory was moved, or only the log was deleted. Linux only; elsewhere False.
    """
    device, inode, path = environment.get(PLACE, "::").split(":", 2)
    try:
        # The open file behind the link, whatever its current name.
        if not path or os.stat(f"/proc/{pid}/fd/1").st_nlink:  # noqa: PTH116
            return False
        return directory_identity(Path(path)) != f"{device}:{inode}"
    except FileNotFoundError:
        return Path(f"/proc/{pid}/fd/1").is_symlink()
    except OSError:
        return False
