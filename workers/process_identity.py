"""Identity of a process: its pid and start time together, so that a recycled pid is never taken for it."""

from functools import cache
from pathlib import Path

import psutil

_TOLERANCE_SECONDS = 1.0


def identity_of(pid: int) -> str | None:
    """The start time of process `pid`, as a text to be stored with the pid.

    Returns:
        `<boot id>/<clock ticks since boot>` on Linux, else the start in seconds since the epoch; None where no
        such process runs, or where it is a zombie.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return _identity_without_proc(pid)
    # Ticks are counted from the boot, so setting the clock changes nothing.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else f"{_boot_id()}/{fields[19]}"


def living(pid: int, identity: str | float) -> psutil.Process | None:
    """The process with this pid and identity.

    Args:
        identity: what `identity_of` returned, or a number as earlier versions stored it in lease notes: seconds from
            the boot to the start of the process.

    Returns:
        The running process; None where it has ended, is a zombie, or where another process has its pid.
    """
    current = identity_of(pid)
    if current is None:
        return None
    try:
        process = psutil.Process(pid)
        same = current == identity if isinstance(identity, str) else _started_at(process, identity)
    except psutil.NoSuchProcess:
        return None
    return process if same else None


def _started_at(process: psutil.Process, seconds_from_boot: float) -> bool:
    return abs(process.create_time() - psutil.boot_time() - seconds_from_boot) < _TOLERANCE_SECONDS


def _identity_without_proc(pid: int) -> str | None:
    if Path("/proc/self/stat").exists():
        return None
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.3f}"
    except psutil.Error:
        return None


@cache
def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
