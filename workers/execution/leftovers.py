"""Garbage collection of a work directory: workcells without an owner, unused mirrors, set-ups and objects."""

import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

from planner.system.atomic import DRAFTS
from workers.execution.setup import log_of, stamp
from workers.sandbox.sweep import is_real_directory, remove_tree
from workers.workcell import orphans, sweep_orphans

_HOUR: Final = 3600.0
UNUSED_SECONDS: Final = 14 * 24 * _HOUR
"""A mirror or set-up that is unused for this long is removed, and made again when it is needed."""
# Files of a killed `git fetch`; a running one holds the mirror's lock.
_HALF_FETCHED: Final = (
    "objects/pack/tmp_*",
    "objects/pack/.tmp-*",
    "objects/tmp_objdir-*",
    "objects/??/tmp_obj_*",
)
_HALF_DOWNLOADED: Final = ("fetch-*", "tmp/*", "incomplete/*")
_OID_LENGTH: Final = 64
_GONE: Final = ".gone"
_DRAFTS_BEFORE: Final = ".making-*"
"""The name of an archive's draft in version 0.1."""


class Leftover(NamedTuple):
    """A file or directory that is, or would be, removed."""

    kind: str
    path: Path
    size: int
    """In bytes; links count as themselves."""


def stale_workcells(work_dir: Path, *, remove: bool) -> list[Leftover]:
    """Workcells of dead workers, with the processes in them; a living worker holds the locks of its workcells."""
    cells = work_dir / "cells"
    if not is_real_directory(cells):
        return []
    leftovers = [
        Leftover("workcell", root, size_of(root)) for root in orphans(work_dir) if os.path.lexists(root)
    ]
    if not remove:
        return leftovers
    cleared = set(sweep_orphans(work_dir))
    return [leftover for leftover in leftovers if leftover.path in cleared]


def stale_mirrors(work_dir: Path, *, remove: bool) -> list[Leftover]:
    """Mirrors without a commit or long unused, and files of killed fetches in the others.

    A mirror whose lock a process holds is skipped.
    """
    mirrors = work_dir / "mirrors"
    if not is_real_directory(mirrors):
        return []
    gone = [Leftover("mirror", path, size_of(path)) for path in sorted(mirrors.glob(f"*{_GONE}"))]
    # First, because other mirrors may be moved to their names.
    _clear(gone, remove)
    leftovers = []
    for mirror in sorted(mirrors.glob("*.git")):
        with _held(mirror.with_suffix(".lock")) as mine:
            if mine and is_real_directory(mirror):
                leftovers += _of_mirror(mirror, remove)
    _clear(leftovers, remove)
    return gone + leftovers


def stale_objects(work_dir: Path, *, remove: bool) -> list[Leftover]:
    """Git LFS objects that are long unused, and files of killed fetches."""
    store = work_dir / "mirrors" / "lfs"
    if not is_real_directory(store):
        return []
    kept = sorted(store.glob("objects/??/??/*"))
    leftovers = [Leftover("large file", path, size_of(path)) for path in kept if _idle(path) > _life(path)]
    parts = sorted(chain.from_iterable(store.glob(pattern) for pattern in _HALF_DOWNLOADED))
    leftovers += [Leftover("half a fetch", path, size_of(path)) for path in parts if _idle(path) > _HOUR]
    _clear(leftovers, remove)
    return leftovers


def _life(path: Path) -> float:
    return UNUSED_SECONDS if len(path.name) == _OID_LENGTH else _HOUR


def stale_setups(work_dir: Path, *, remove: bool) -> list[Leftover]:
    """Products of set-ups that did not complete or are long unused; one that is being made is locked and skipped."""
    setups = work_dir / "setups"
    if not is_real_directory(setups):
        return []
    leftovers = []
    for products in sorted(filter(is_real_directory, setups.iterdir())):
        with _held(products.with_name(f"{products.name}.lock")) as mine:
            if mine and _is_stale_setup(products) and (not remove or _withdrawn(products)):
                leftovers.append(Leftover("set-up", products, size_of(products)))
                if remove:
                    remove_tree(products)
                    log_of(products).unlink(missing_ok=True)
    return leftovers


def half_archives(archives: Path, *, remove: bool) -> list[Leftover]:
    """Drafts of archives that killed workers left; complete archives stay."""
    drafts = sorted(chain(archives.glob(DRAFTS), archives.glob(_DRAFTS_BEFORE)))
    leftovers = [Leftover("half an archive", path, size_of(path)) for path in drafts if _idle(path) > _HOUR]
    _clear(leftovers, remove)
    return leftovers


def _clear(leftovers: list[Leftover], remove: bool) -> None:
    if remove:
        for leftover in leftovers:
            remove_tree(leftover.path)


def _withdrawn(products: Path) -> bool:
    """Remove the seal of unused products, so that another process makes them anew, after the caller's lock.

    Returns False, and restores the seal, where a process began to use them meanwhile.
    """
    try:
        with stamp(products).open() as used:
            kept = used.read()
            stamp(products).unlink()
            if time.time() - os.fstat(used.fileno()).st_mtime > UNUSED_SECONDS:
                return True
    except FileNotFoundError:
        return True
    stamp(products).write_text(kept, encoding="ascii")
    return False


def _is_stale_setup(products: Path) -> bool:
    if stamp(products).exists():
        return _idle(stamp(products)) > UNUSED_SECONDS
    return _idle(products) > _HOUR


def _of_mirror(mirror: Path, remove: bool) -> list[Leftover]:
    """The caller holds its lock."""
    if not _is_stale(mirror):
        parts = chain.from_iterable(mirror.glob(pattern) for pattern in _HALF_FETCHED)
        return [
            Leftover("half a fetch", path, size_of(path)) for path in sorted(parts) if _idle(path) > _HOUR
        ]
    size = size_of(mirror)
    if remove:
        # An atomic rename: another process sees the whole mirror or none.
        mirror = mirror.replace(mirror.with_name(f"{mirror.name}{_GONE}"))
    return [Leftover("mirror", mirror, size)]


def _is_stale(mirror: Path) -> bool:
    idle = min(_idle(mirror), _idle(mirror.with_suffix(".lock")))
    has_commits = any((mirror / "refs").rglob("*/*")) or (mirror / "packed-refs").exists()
    return idle > (UNUSED_SECONDS if has_commits else _HOUR)


def _idle(path: Path) -> float:
    """Seconds since it was changed; 0 where it is missing."""
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return 0.0


@contextmanager
def _held(lock: Path) -> Iterator[bool]:
    """Try the lock: whether it is held in this context. Its file stays, because others may wait for it."""
    fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(fd)


def size_of(path: Path) -> int:
    """Bytes of a file or of all files below a directory; no link is followed."""
    files: Iterable[str] = (
        os.path.join(root, name)  # noqa: PTH118 — many small files
        for root, _, names in os.walk(path)
        for name in names
    )
    total = 0
    for name in [str(path)] if path.is_symlink() or path.is_file() else files:
        with suppress(OSError):
            total += os.lstat(name).st_size
    return total
