"""Leftovers of embedded farms without a `bench down`: stale socket directories, and orphans of deleted farms."""

import os
import re
import stat
import time
from pathlib import Path
from typing import Final

from bench.embedded.farm import EmbeddedFarm
from bench.embedded.orphans import end_deleted_farms, processes_of_deleted_farms
from bench.embedded.sockets import listener
from workers.execution.leftovers import Leftover, size_of
from workers.sandbox.sweep import remove_tree

_IDLE_SECONDS: Final = 24 * 3600.0


def stale_sockets(farm: EmbeddedFarm, *, remove: bool) -> list[Leftover]:
    """Stale socket directories of this user: this farm's, and others' a day after their last change.

    This farm's is checked under its lock, and is stale only where none of its processes runs.
    """
    own = farm.paths.sockets
    leftovers = _own(farm, remove) if farm.paths.lock.exists() else []
    # Includes the temporary directories of killed workers' programs, where nothing could be mounted.
    name = re.compile(rf"bench-{os.geteuid()}-([0-9a-f]{{10}}|tmp-\w{{8}})")
    others = (path for path in sorted(own.parent.iterdir()) if name.fullmatch(path.name) and path != own)
    left = [path for path in others if _is_left(path) and _idle(path) > _IDLE_SECONDS]
    leftovers += [Leftover("sockets", path, size_of(path)) for path in left]
    if remove:
        for path in left:
            remove_tree(path)
    return leftovers


def deleted_farms(*, remove: bool) -> list[Leftover]:
    """Orphaned processes of farms whose directory was deleted."""
    processes = end_deleted_farms() if remove else processes_of_deleted_farms()
    return [Leftover("process", Path(f"/proc/{process.pid}"), 0) for process in processes]


def _own(farm: EmbeddedFarm, remove: bool) -> list[Leftover]:
    with farm.locked():
        path = farm.paths.sockets
        if any(part.state == "running" for part in farm.status()) or not _is_left(path):
            return []
        leftovers = [Leftover("sockets", path, size_of(path))]
        if remove:
            remove_tree(path)
        return leftovers


def _is_left(path: Path) -> bool:
    """Whether it is a directory of this user in which no process listens on a socket."""
    try:
        about = path.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid():
        return False
    return not any(each.is_socket() and listener(each) for each in path.rglob("*"))


def _idle(path: Path) -> float:
    """Seconds since the last change in the directory."""
    changes = [each.lstat().st_mtime for each in (path, *path.rglob("*")) if os.path.lexists(each)]
    return time.time() - max(changes, default=time.time())
