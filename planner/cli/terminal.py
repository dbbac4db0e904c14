"""Error handling of standard streams that may be closed, full or not UTF-8.

One rule for every command. A closed pipe (EPIPE) gives exit code 141, as SIGPIPE would, and no message. Any other write
error gives one line on standard error and exit code 1.
"""

import errno
import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TextIO

from planner.system.foreign_text import visible_line

READER_GONE: Final = 141
_NAMES: Final = {1: "standard output", 2: "standard error"}


class UnwritableError(OSError):
    """A write to a standard stream failed.

    It has no `errno`: libraries that see EPIPE would exit by their own rules.
    """


class _CheckedStream(io.FileIO):
    """A standard stream that records its first write error."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.broken: OSError | None = None

    def write(self, data: Any) -> int:
        """As `FileIO.write`. Raises `UnwritableError` where the write fails."""
        try:
            return super().write(data)
        except BlockingIOError:
            raise
        except OSError as error:
            self.broken = self.broken or error
            raise UnwritableError(f"{_NAMES[self.fileno()]}: {error.strerror}") from error


def guarded(name: str, command: Callable[[], int]) -> int:
    """Run `command` with checked standard streams and return the exit code."""
    _fill_closed_descriptors()
    raws = [_CheckedStream(1), _CheckedStream(2)]
    sys.stdout, sys.stderr = (
        _text(raw, old) for raw, old in zip(raws, (sys.stdout, sys.stderr), strict=True)
    )
    code = 1
    try:
        code = command()
    except UnwritableError:
        pass
    except SystemExit as leaving:
        code = _code_of(leaving)
    for stream in (sys.stdout, sys.stderr):
        with suppress(UnwritableError):
            stream.flush()
    return _exit_code(name, code, raws)


def _fill_closed_descriptors() -> None:
    """Open /dev/null on closed standard descriptors, so that no file of the program takes their number.

    Standard output is opened read-only: writing to it still fails. Standard error is opened for writing: closing it is
    a request for silence.
    """
    for descriptor, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, flags)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 — a descriptor


def _text(raw: _CheckedStream, old: TextIO | None) -> TextIO:
    """A text stream as Python opens it, with escapes for characters outside its encoding."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding="utf-8" if old is None else old.encoding,
        errors="backslashreplace",
        newline="\n",
        line_buffering=old is not None and bool(getattr(old, "line_buffering", False)),
    )


def _code_of(leaving: SystemExit) -> int:
    if leaving.code is None or isinstance(leaving.code, int):
        return leaving.code or 0
    with suppress(UnwritableError):
        sys.stderr.write(f"{visible_line(str(leaving.code))}\n")
    return 1


def _exit_code(name: str, code: int, raws: list[_CheckedStream]) -> int:
    broken = [raw for raw in raws if raw.broken is not None]
    for raw in broken:
        _discard(raw)
    if any(raw.broken.errno == errno.EPIPE for raw in broken if raw.broken is not None):
        return READER_GONE
    for raw in broken:
        if raw.fileno() == 1 and raw.broken is not None:
            with suppress(UnwritableError):
                sys.stderr.write(f"{name}: {_NAMES[1]} cannot be written: {raw.broken.strerror}\n")
                sys.stderr.flush()
    return code or 1 if broken else code


def _discard(raw: _CheckedStream) -> None:
    """Redirect a broken stream to /dev/null: its buffer is flushed at interpreter exit, which must not fail."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, raw.fileno())
    os.close(nothing)
