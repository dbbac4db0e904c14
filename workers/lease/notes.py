"""Notes of held leases: one small file a process, so that a dead process' work is handed back at once."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from uuid import UUID

import psutil

from planner.system.atomic import write_atomic


@dataclass(frozen=True)
class Held:
    """A lease that a process wrote down and never crossed out."""

    execution: int
    attempt: int
    token: UUID
    pid: int
    note: Path


class LeaseNotes:
    """The note of this process in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def holding(self, execution: int, attempt: int, token: UUID) -> None:
        """Atomic write of the lease."""
        started = _started(os.getpid())
        note = {"execution": execution, "attempt": attempt, "token": str(token), "started": started}
        write_atomic(self._path(), json.dumps(note))

    def nothing(self) -> None:
        """Cross the lease out."""
        self._path().unlink(missing_ok=True)

    def _path(self) -> Path:
        return self._directory / f"{os.getpid()}.lease"


@lru_cache(maxsize=1)
def _started(own_pid: int) -> float:
    """When this process began; asked once, and again after a fork."""
    return _seconds_from_boot(psutil.Process(own_pid))


def _seconds_from_boot(process: psutil.Process) -> float:
    """When a process began; told by the wall clock, setting that clock would make all the living strangers."""
    return process.create_time() - psutil.boot_time()


def held_by_the_dead(directory: Path) -> Iterator[Held]:
    """Leases whose process is gone; a note that cannot be read is removed."""
    for note in directory.glob("*.lease"):
        try:
            value = json.loads(note.read_text(encoding="utf-8"))
            pid = int(note.stem)
            held = Held(int(value["execution"]), int(value["attempt"]), UUID(value["token"]), pid, note)
            alive = _is_alive(pid, float(value["started"]))
        except (ValueError, KeyError, TypeError):
            note.unlink(missing_ok=True)
            continue
        except OSError:
            continue
        if not alive:
            yield held


def _is_alive(pid: int, started: float) -> bool:
    """Whether the very process that wrote the note still runs, and not another one with its number."""
    try:
        process = psutil.Process(pid)
        same = abs(_seconds_from_boot(process) - started) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
