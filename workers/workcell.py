"""Directories of a workcell under a file lock; a sweep removes those whose owner has died.

```
cells/<workcell id>.lock        locked by the owner until it ends
cells/<workcell id>/cell/       all that the candidate may write: checkout, home, tmp, round-N
cells/<workcell id>/pristine/   the repository as fetched, out of the candidate's reach
cells/<workcell id>/logs/       captured output
cells/<workcell id>/take-N/     what the sandbox wrote of a check-out's changes
cells/<workcell id>/gate-N/     one clean checkout per gate run
```
"""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workers.halt import HaltError
from workers.private import keep_private
from workers.sandbox.sweep import is_real_directory, kill_marked, remove_tree

_CELLS = "cells"


@dataclass(frozen=True)
class WorkcellDirectories:
    """The directories of one workcell; the root is also the mark of every process in it."""

    workcell_id: str
    root: Path

    @property
    def inside(self) -> Path:
        return self.root / "cell"

    @property
    def checkout(self) -> Path:
        return self.inside / "checkout"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def transcript(self) -> Path:
        """Calls of the model as the gateway saw them."""
        return self.root / "transcript.jsonl"

    @property
    def pristine(self) -> Path:
        return self.root / "pristine"

    @property
    def base_index(self) -> Path:
        """The trusted index of the base commit."""
        return self.root / "base.index"

    @property
    def base_tree(self) -> Path:
        """A file that names the tree of that index, as Git takes it in the pristine repository."""
        return self.root / "base.tree"

    def fresh_inside(self, name: str) -> Path:
        """A new directory in the candidate's part, whatever the candidate has put there before."""
        path = self.inside / name
        remove_tree(path)
        path.mkdir()
        return path

    def kept_inside(self, name: str) -> Path:
        """A directory in the candidate's part that stays over rounds, unless it was turned into a link."""
        path = self.inside / name
        return path if is_real_directory(path) else self.fresh_inside(name)


@contextlib.contextmanager
def open_workcell(work_dir: Path, workcell_id: str) -> Iterator[WorkcellDirectories]:
    """A new workcell, removed at the end; one of the same name that a dead worker left is removed first.

    Raises `HaltError` where another worker of this machine has locked it.
    """
    cells = work_dir / _CELLS
    keep_private(cells)
    # Without links in it, so that any link in the path of a candidate's file is the candidate's.
    cells = cells.resolve()
    cell = WorkcellDirectories(workcell_id, cells / workcell_id)
    # A sweep may hold the lock of a file that it inspects, for a moment.
    lock = _own(_lock_file(cell.root), patience=2.0)
    if lock is None:
        raise HaltError("infra", f"workcell {workcell_id} is in use by another worker on this machine")
    try:
        _clear(cell.root)
        for path in (cell.inside, cell.checkout, cell.logs, cell.inside / "home", cell.inside / "tmp"):
            path.mkdir(parents=True)
        yield cell
    finally:
        remove_tree(cell.root)
        _lock_file(cell.root).unlink(missing_ok=True)
        os.close(lock)


def orphans(work_dir: Path) -> list[Path]:
    """The workcells of dead workers: what `sweep_orphans` clears."""
    return [root for root in _roots(work_dir / _CELLS) if not is_owned(root)]


def sweep_orphans(work_dir: Path) -> list[Path]:
    """Kill the processes and remove the workcells of dead workers; returns the workcells that were removed.

    Idempotent, and safe at any time: the workcells of living workers are locked.
    """
    cells = work_dir / _CELLS
    kill_marked(lambda mark: Path(mark).parent == cells and not is_owned(Path(mark)))
    cleared = []
    for root in _roots(cells):
        lock = _own(_lock_file(root))
        if lock is not None:
            if os.path.lexists(root):
                remove_tree(root)
                cleared.append(root)
            _lock_file(root).unlink(missing_ok=True)
            os.close(lock)
    return cleared


def _roots(cells: Path) -> list[Path]:
    return sorted({path.with_suffix("") for path in cells.glob("*")})


def free_bytes(path: Path) -> int:
    """Free bytes on the disk of `path`, which need not exist yet."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def _clear(root: Path) -> None:
    if root.exists():
        kill_marked(str(root).__eq__)
        remove_tree(root)


def _lock_file(root: Path) -> Path:
    return root.with_name(f"{root.name}.lock")


def _own(path: Path, patience: float = 0.0) -> int | None:
    """A descriptor that holds the lock; None where another process holds it for longer than `patience` seconds."""
    end = time.monotonic() + patience
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(fd).st_ino == path.stat().st_ino:
                return fd
        except BlockingIOError:
            if time.monotonic() >= end:
                os.close(fd)
                return None
            time.sleep(0.02)
        except FileNotFoundError:
            pass
        os.close(fd)


def is_owned(root: Path) -> bool:
    """Whether a living worker has locked the workcell."""
    try:
        fd = os.open(_lock_file(root), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
