"""Safe opening of untrusted files: only regular ones, without blocking and with a size limit.

A FIFO in place of a file blocks its reader, a device such as /dev/zero never ends, and a link leads out of its
directory.
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
    """Open the regular file at `path` for reading; without `links` a symbolic link is refused.

    Raises `OSError` for anything else, without blocking.
    """
    _check(path, path.stat() if links else path.lstat())
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | (0 if links else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    try:
        # Guard against a race: the path may name another file by now.
        _check(path, os.fstat(descriptor))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, most: int, *, links: bool = True) -> bytes:
    """Read the regular file at `path`, of at most `most` bytes.

    Raises `OSError` as `open_regular`, and for a larger file.
    """
    with open_regular(path, links=links) as file:
        # Both checks: a sparse file can claim any size, and a growing one changes it.
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
