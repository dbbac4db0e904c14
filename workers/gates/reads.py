"""Access times: which of some files a program has read."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def forget_reads(checkout: Path, paths: Iterable[str]) -> None:
    """Reset the access times, so that the next read is recorded, also with `relatime`."""
    for path in paths:
        with suppress(OSError):
            known = os.lstat(checkout / path)
            os.utime(checkout / path, ns=(0, known.st_mtime_ns), follow_symlinks=False)


def were_read(checkout: Path, paths: Iterable[str]) -> tuple[str, ...]:
    """The paths that were read since `forget_reads`; none where the file system records no access times."""
    return tuple(path for path in paths if _access_time(checkout / path) > 0)


def _access_time(path: Path) -> int:
    try:
        return os.lstat(path).st_atime_ns
    except OSError:
        return 0
