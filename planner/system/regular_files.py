"""Opening files that others made: only regular ones, never waiting for a writer, never more than is expected.

A FIFO in place of a file blocks its reader for ever, a device such as /dev/zero never ends, and a link leads out of
the directory that was handed over.
"""

import errno
import io
import os
import stat
from pathlib import Path
from typing import Final

MIB: Final = 2**20
_KINDS: Final = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a directory",
    stat.S_IFLNK: "a link",
}


def open_regular(path: Path, *, links: bool = True) -> io.BufferedReader:
    """The regular file at `path`, opened for reading; without `links` not through a link at its last step.

    An `OSError` of one line where it is anything else, without having waited for it.
    """
    _check(path, path.stat() if links else path.lstat())
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | (0 if links else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    try:
        # It may be another one by now.
        _check(path, os.fstat(descriptor))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, most: int, *, links: bool = True) -> bytes:
    """The content of the regular file at `path`, of at most `most` bytes; an `OSError` as of `open_regular`."""
    with open_regular(path, links=links) as file:
        # A sparse file claims any size, and one that grows has none.
        if os.fstat(file.fileno()).st_size <= most:
            content = file.read(most + 1)
            if len(content) <= most:
                return content
    size = f"{most // MIB} MiB" if most >= MIB else f"{most // 1024} KiB"
    raise OSError(errno.EFBIG, f"larger than {size}", str(path))


def _check(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise OSError(errno.EINVAL, f"{kind} and no regular file", str(path))
