"""A program's directory for temporary files, at a path short enough for a Unix socket below it.

A socket's path has at most 107 bytes, and test frameworks use some eighty of them below `TMPDIR`. A workcell may be
nested deeply, so its directory is mounted at a short path; where nothing can be mounted, another directory is used.
"""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from workers.sandbox.program import Rung
from workers.sandbox.sweep import is_real_directory, remove_tree

_BASE = Path("/tmp")  # noqa: S108 — what is used there is checked to be this user's own


@dataclass(frozen=True)
class Temporary:
    """One program's directory for temporary files."""

    path: Path
    """As the program sees it."""
    mounted: Path | None
    """What the sandbox mounts there; None where `path` itself is a directory of this program alone."""


@contextmanager
def temporary(rung: Rung, directory: Path) -> Iterator[Temporary]:
    """A short path for `directory` (in the workcell), for the lifetime of one program.

    Raises `OSError` where `directory` is no directory: an earlier program may have replaced it by a link.
    """
    if not is_real_directory(directory):
        raise NotADirectoryError(f"{directory} is no directory")
    mount_point = _BASE / f"bench-{os.geteuid()}-tmp"
    if rung.covers_tmp or (rung.mounts and _own(mount_point)):
        yield Temporary(mount_point, directory)
        return
    base = _BASE if os.access(_BASE, os.W_OK) else None
    own = Path(tempfile.mkdtemp(prefix=f"bench-{os.geteuid()}-tmp-", dir=base))
    try:
        yield Temporary(own, None)
    finally:
        with suppress(OSError):
            remove_tree(own)


def _own(directory: Path) -> bool:
    """Whether `directory` is this user's alone, created where it is missing: programs mount theirs over it."""
    with suppress(OSError):
        directory.mkdir(mode=0o700)
    try:
        status = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022
