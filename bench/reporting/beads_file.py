"""Write-back to a Beads file: an atomic replacement under a lock, refused where the file was changed meanwhile."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from difflib import diff_bytes, unified_diff
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.reporting.beads_records import edited_content, has_record, stored_after
from bench.reporting.errors import ChangedFileError, ReportError
from bench.reporting.result import RunResult
from bench.reporting.target import WriteStep
from planner.system.atomic import atomic_path
from planner.system.foreign_text import visible_line
from planner.system.regular_files import open_regular

_LINES_AROUND: Final = 0


class FileState(NamedTuple):
    """Identity and version of a file."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


class BeadsFile:
    """A Beads file as a target. Only the record of the issue is changed; a file under Git stays uncommitted."""

    def __init__(self, path: Path, stored: dict[str, Any]) -> None:
        """`path` may be a link: the file that it leads to is edited. `stored` is the issue's stored document."""
        self.name = str(path)
        self._path, self._stored = path.resolve(), stored

    def prepare(self, result: RunResult) -> WriteStep | None:
        """The edit of the file as it is now; `WriteStep.apply` raises `ChangedFileError` where it is changed then."""
        try:
            with open_regular(self._path) as file:
                status = os.fstat(file.fileno())
                content = file.read()
        except OSError as error:
            raise ReportError(f"{self.name}: {error.strerror or error}") from error
        try:
            edit = edited_content(content, result, datetime.now(UTC))
        except ReportError as error:
            raise type(error)(f"{self.name}: {error}") from error
        if edit is None:
            return None
        return WriteStep(
            tuple(_diff(content, edit.content, self.name)),
            stored_after(self._stored, edit.issue),
            lambda: self._replace(status, edit.content),
        )

    def _replace(self, read: os.stat_result, content: bytes) -> None:
        try:
            with _locked(self._path.parent):
                self._replace_locked(read, content)
        except OSError as error:
            raise ReportError(f"{self.name}: not written: {error.strerror or error}") from error

    def _replace_locked(self, read: os.stat_result, content: bytes) -> None:
        with atomic_path(self._path, mode=stat.S_IMODE(read.st_mode)) as draft:
            with draft.open("r+b") as file:
                own = os.fstat(file.fileno())
                if (own.st_uid, own.st_gid) != (read.st_uid, read.st_gid):
                    os.fchown(file.fileno(), read.st_uid, read.st_gid)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if _state(self._path.stat()) != _state(read):
                raise ChangedFileError(f"{self.name}: changed while a result was written to it")


def is_beads_file_of(path: Path, issue_id: str) -> bool:
    """Whether `path` is a file with a record of that issue. Raises `ReportError` where its encoding is not UTF-8."""
    try:
        with open_regular(path) as file:
            content = file.read()
    except OSError:
        return False
    try:
        return has_record(content, issue_id)
    except ReportError as error:
        raise type(error)(f"{path}: {error}") from error


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """An advisory lock on the directory: one on the file would be lost with the file that is replaced."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _state(status: os.stat_result) -> FileState:
    return FileState(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _diff(before: bytes, after: bytes, name: str) -> list[str]:
    raw = os.fsencode(name)
    lines = diff_bytes(
        unified_diff, before.split(b"\n"), after.split(b"\n"), raw, raw, n=_LINES_AROUND, lineterm=b""
    )
    return [visible_line(line.decode("utf-8", "replace")) for line in lines]
