"""Seals: digests (checksums) of a cached directory, by which a change of it is detected.

The stat digest covers name, kind, mode, owner, size, inode, modification and change time of every entry. Only root
can set a change time, so an equal digest means that nothing was changed, and a gigabyte of files costs no more than a
walk. Where it differs, as after a move or a restored backup, the digest of the contents decides, if there is one. A
seal is stored next to its directory, where no sandbox with a mount namespace allows a program to write.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from planner.system.atomic import write_atomic

_CHUNK = 1024 * 1024


def seal(directory: Path, file: Path, *, contents: bool) -> None:
    """Atomic write of the digests of `directory` to `file`; with `contents` every file is read for a digest, too."""
    digests = {"stat": stat_digest(directory)}
    if contents:
        digests["contents"] = content_digest(directory)
    write_atomic(file, json.dumps(digests), mode=0o600)


def holds(directory: Path, file: Path) -> bool:
    """Verify a seal: whether `directory` is unchanged; False where it, or its seal, is missing."""
    try:
        kept = json.loads(file.read_text(encoding="ascii"))
        if kept["stat"] == stat_digest(directory):
            return True
        if "contents" not in kept or kept["contents"] != content_digest(directory):
            return False
    except (OSError, ValueError, TypeError, KeyError):
        return False
    with suppress(OSError):
        seal(directory, file, contents=True)
    return True


def stat_digest(directory: Path) -> str:
    """SHA-256 over the stat result of every entry. Raises `OSError`."""
    digest = hashlib.sha256()
    for name, status in _entries(os.fspath(directory)):
        facts = (status.st_mode, status.st_uid, status.st_gid, status.st_size, status.st_ino)
        times = (status.st_mtime_ns, status.st_ctime_ns)
        digest.update(os.fsencode(name) + b"\0" + " ".join(map(str, (*facts, *times))).encode() + b"\n")
    return digest.hexdigest()


def content_digest(directory: Path) -> str:
    """SHA-256 over names, kinds, modes and contents. Raises `OSError`."""
    digest = hashlib.sha256()
    root = os.fspath(directory)
    for name, status in _entries(root):
        digest.update(os.fsencode(name) + b"\0" + f"{status.st_mode} {status.st_size}\n".encode())
        path = os.path.join(root, name)  # noqa: PTH118 — many small files
        if stat.S_ISLNK(status.st_mode):
            digest.update(os.fsencode(os.readlink(path)))  # noqa: PTH115
        elif stat.S_ISREG(status.st_mode):
            with open(path, "rb") as file:  # noqa: PTH123
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
    return digest.hexdigest()


def _entries(root: str) -> Iterator[tuple[str, os.stat_result]]:
    """The directory itself and all below it, by relative name, in an order that depends on names alone."""
    yield "", os.lstat(root)
    waiting = [""]
    while waiting:
        above = waiting.pop()
        with os.scandir(os.path.join(root, above)) as listing:  # noqa: PTH118
            entries = sorted(listing, key=lambda entry: entry.name)
        for entry in entries:
            name = f"{above}{entry.name}"
            yield name, entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                waiting.append(f"{name}/")
