"""Lease notes: one small file a process, so that a dead process' lease is released at once and not at its end."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from planner.system.atomic import write_atomic
from workers.process_identity import identity_of, living


@dataclass(frozen=True)
class HeldLease:
    """A lease whose note was written and not removed."""

    execution: int
    attempt: int
    token: UUID
    pid: int
    note: Path


class LeaseNotes:
    """The note of this process in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, execution: int, attempt: int, token: UUID) -> None:
        """Atomic write of the lease that this process holds now."""
        started = _own_identity(os.getpid())
        note = {"execution": execution, "attempt": attempt, "token": str(token), "started": started}
        write_atomic(self._path(), json.dumps(note))

    def remove(self) -> None:
        """Remove the note: this process holds no lease."""
        self._path().unlink(missing_ok=True)

    def _path(self) -> Path:
        return self._directory / f"{os.getpid()}.lease"


@lru_cache(maxsize=1)
def _own_identity(own_pid: int) -> str | None:
    """Read once in each process; a fork has a pid, and so an entry, of its own."""
    return identity_of(own_pid)


def leases_of_dead_processes(directory: Path) -> Iterator[HeldLease]:
    """Leases whose process has ended; a note that cannot be read is removed."""
    for note in directory.glob("*.lease"):
        try:
            value = json.loads(note.read_text(encoding="utf-8"))
            pid = int(note.stem)
            held = HeldLease(int(value["execution"]), int(value["attempt"]), UUID(value["token"]), pid, note)
            alive = living(pid, _stored_identity(value["started"])) is not None
        except (ValueError, KeyError, TypeError):
            note.unlink(missing_ok=True)
            continue
        except OSError:
            continue
        if not alive:
            yield held


def _stored_identity(value: object) -> str | float:
    """The identity in a note: a text, or a number in notes of earlier versions."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return float(value)
    raise TypeError(f"{value!r:.40} identifies no process")
