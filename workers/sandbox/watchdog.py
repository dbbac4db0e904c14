"""Watchdog on disk, memory and number of processes of a running program: what `rlimit`s cannot bound.

An rlimit on address space breaks V8, Go and the JVM, one on file size bounds no sum, and one on processes counts
all of a user. So the real usage is measured about twice a second. Linux only; elsewhere there are no figures.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

Excess = Literal["disk", "memory", "processes", "full"]
"""The resource that a program exceeded; `full`: this machine has no disk space left, which is not its fault."""
EXCESS_CODES: Final[dict[str, str]] = {
    "disk": "disk_limit",
    "memory": "memory_limit",
    "processes": "process_limit",
}
"""Fail codes of programs that exceeded a resource limit."""
_EXCESS_WORDS: Final[dict[str, str]] = {
    "disk": "it used more disk space than BENCH_MAX_DISK_MB of this machine allows",
    "memory": "it used more memory than BENCH_MAX_MEMORY_MB of this machine allows",
    "processes": "it had more processes than BENCH_MAX_PROCESSES of this machine allows",
    "full": "this machine has no disk space left (BENCH_DISK_RESERVE_MB is kept back)",
}
_PAGE = os.sysconf("SC_PAGE_SIZE")
_WALK_SHARE = 0.05
"""The largest share of the time that is spent on measuring a directory."""
_WALK_SECONDS = 2.0
"""The shortest time between two measurements of a directory, unless the disk is full."""


def excess_message(ended_by: str) -> str:
    """One line for the user about an exceeded resource."""
    return _EXCESS_WORDS[ended_by]


@dataclass(frozen=True)
class ResourceLimits:
    """Resource limits of one program; None: unlimited."""

    disk_bytes: int | None = None
    """Of all files in the directories that it may write."""
    memory_bytes: int | None = None
    """Of all its processes together; pages that they share count once."""
    processes: int | None = None
    reserve_bytes: int = 0
    """Free bytes on the disk below which the program is stopped."""


@dataclass
class ResourceWatchdog:
    """Measures one running program against its resource limits."""

    limits: ResourceLimits
    directories: tuple[Path, ...]
    """What it may write."""
    pid: int
    """Its launcher, or another process from which all of the program's descend."""
    _walk_at: float = field(default=0.0, init=False)

    def excess(self) -> Excess | None:
        """The resource that it exceeds now; None where it exceeds none."""
        return self._of_processes() or self._of_disk()

    def _of_processes(self) -> Excess | None:
        if self.limits.processes is None and self.limits.memory_bytes is None:
            return None
        pids = list(descendants(self.pid))
        if self.limits.processes is not None and len(pids) > self.limits.processes:
            return "processes"
        limit = self.limits.memory_bytes
        if limit is None or sum(map(resident_bytes, pids)) <= limit:
            return None
        # Shared pages were counted once a process: the exact sum costs more, so it is asked for only now.
        return "memory" if sum(map(proportional_bytes, pids)) > limit else None

    def _of_disk(self) -> Excess | None:
        full = self._is_full()
        limit, now = self.limits.disk_bytes, time.monotonic()
        if limit is not None and (full or now >= self._walk_at):
            used = sum(used_bytes(directory, limit) for directory in self.directories)
            took = time.monotonic() - now
            self._walk_at = now + max(_WALK_SECONDS, took / _WALK_SHARE)
            if used > limit:
                return "disk"
        return "full" if full else None

    def _is_full(self) -> bool:
        for directory in self.directories:
            with contextlib.suppress(OSError):
                if shutil.disk_usage(directory).free < self.limits.reserve_bytes:
                    return True
        return False


def descendants(pid: int) -> Iterator[int]:
    """Process ids below `pid`, from what the kernel lists as children; those of a process that ends may be missed."""
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{parent}/task"):  # noqa: PTH208 — many small files
                with open(f"/proc/{parent}/task/{thread}/children", encoding="ascii") as file:  # noqa: PTH123
                    children = [int(child) for child in file.read().split()]
                yield from children
                waiting += children


def resident_bytes(pid: int) -> int:
    """Memory in use by a process in bytes, shared pages included; 0 where it has ended."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def proportional_bytes(pid: int) -> int:
    """Memory in use by a process in bytes, each shared page divided among its users."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:  # noqa: PTH123
            line = next(line for line in file if line.startswith("Pss:"))
            return int(line.split()[1]) * 1024
    except (OSError, StopIteration):
        return resident_bytes(pid)


def used_bytes(directory: Path, enough: int) -> int:
    """Disk space in use below a directory, by allocated blocks; counting stops once it is more than `enough`."""
    total, waiting = 0, [os.fspath(directory)]
    while waiting and total <= enough:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return total
