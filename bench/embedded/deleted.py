"""Processes of farms whose directory was deleted while they ran: nobody will come with `bench down`."""

import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from bench.embedded.processes import FAMILY, PLACE, end, kill, place_of

_LOOK_SECONDS: Final = 2.0
_WORKER_SECONDS: Final = 40.0
_SERVER_SECONDS: Final = 20.0


def call_when_deleted(leave: Callable[[], object]) -> None:
    """Call `leave` from a thread, once, as soon as the directory of the farm that started this process is deleted.

    Nothing happens in a process that no embedded farm has started.
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
    """Whether this process was started by an embedded farm whose directory is gone."""
    return was_deleted(os.getpid(), os.environ)


def processes_of_deleted_farms() -> list[psutil.Process]:
    """The first process of every part of such a farm, as far as this user may see them."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            # The first of its session: a part's children write to the same log.
            if os.getsid(process.pid) == process.pid and was_deleted(process.pid, process.environ()):
                found.append(process)
    return found


def end_deleted_farms() -> list[psutil.Process]:
    """End them, workers first: they hand their work back to a database that still runs. Returns what was ended."""
    found = [process for process in processes_of_deleted_farms() if process.pid != os.getpid()]
    parts = [process for process in found if _is_part(process)]
    for process in parts:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    psutil.wait_procs(parts, timeout=_WORKER_SECONDS)
    for process in found:
        with suppress(psutil.NoSuchProcess):
            below = process.children(recursive=True)
            end(process, 0 if process in parts else _SERVER_SECONDS, (signal.SIGINT, signal.SIGTERM))
            kill(below)
    return found


def _is_part(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return "bench.cli.main" in process.cmdline()
    return False


def was_deleted(pid: int, environment: Mapping[str, str]) -> bool:
    """Whether the directory of a daemon is gone: its log has no name any more, and at its place is nothing, or new.

    Not where the directory was moved, nor where only the log was deleted. Linux only; elsewhere False.
    """
    device, inode, path = environment.get(PLACE, "::").split(":", 2)
    try:
        # The file behind the link, whatever its name is by now.
        if not path or os.stat(f"/proc/{pid}/fd/1").st_nlink:  # noqa: PTH116
            return False
        return place_of(Path(path)) != f"{device}:{inode}"
    except FileNotFoundError:
        return Path(f"/proc/{pid}/fd/1").is_symlink()
    except OSError:
        return False
