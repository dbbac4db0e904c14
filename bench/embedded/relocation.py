"""Detection of a relocated farm: its directory was moved while it ran, or is a copy of a farm elsewhere."""

from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

from bench.embedded.orphans import was_deleted
from bench.embedded.paths import FarmPaths
from bench.embedded.processes import Daemon


def reconcile_location(paths: FarmPaths, daemons: Iterable[Daemon], notify: Callable[[str], None]) -> bool:
    """Record the farm's current path and reconcile its pid files. Called under the farm's lock.

    The pid files of a copy are deleted: they name the processes of the original, which are left alone unless the
    original was deleted.

    Returns: whether daemons still run with the path from which the directory was moved; the caller stops them.
    """
    note = paths.run / "place"
    before = Path(note.read_text(encoding="utf-8")) if note.exists() else paths.root
    note.write_text(str(paths.root), encoding="utf-8")
    for daemon in daemons:
        daemon.adopt(_lost_its_directory)
    if before == paths.root:
        return False
    runs = any(daemon.process() is not None for daemon in daemons)
    if runs:
        notify(
            f"this farm was moved here from {before} while it ran: its parts are stopped and restarted here"
        )
    elif before.exists():
        notify(f"this farm is a copy of the one in {before}, and independent of it from now on")
    return runs


def _lost_its_directory(process: psutil.Process) -> bool:
    try:
        return was_deleted(process.pid, process.environ())
    except psutil.Error:
        return False
