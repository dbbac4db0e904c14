"""A farm whose directory is not where it was: moved while it ran, or a copy of one that runs elsewhere."""

from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

from bench.embedded.deleted import was_deleted
from bench.embedded.paths import FarmPaths
from bench.embedded.processes import Daemon


def settle(paths: FarmPaths, daemons: Iterable[Daemon], notify: Callable[[str], None]) -> bool:
    """Whether daemons still run at the place from which the directory was moved; they are to be ended.

    Records that came with a copy are dropped: they speak of the original's processes, which are left alone unless
    the original was deleted. Called under the farm's lock; the new place is written down.
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
            f"this farm was moved here from {before} while it ran: its parts end there and start anew here"
        )
    elif before.exists():
        notify(f"this farm is a copy of the one in {before}, and from here on one of its own")
    return runs


def _lost_its_directory(process: psutil.Process) -> bool:
    try:
        return was_deleted(process.pid, process.environ())
    except psutil.Error:
        return False
