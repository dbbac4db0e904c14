"""Standard streams of a command line that may be closed, full or of another encoding than UTF-8.

One rule for every command: where a reader went away (a closed pipe) the exit code is 141, as that of a program which
SIGPIPE ended, and nothing is said; where a stream takes nothing for another reason, one line on standard error and 1.
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
    """A standard stream does not take what was written.

    Without an `errno`: libraries that see a broken pipe end the program by their own rules.
    """


class _CheckedStream(io.FileIO):
    """A standard stream that remembers why it could not be written."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.broken: OSError | None = None

    def write(self, data: Any) -> int:
        """As `FileIO.write`. Raises `UnwritableError`."""
        try:
            return super().write(data)
        except BlockingIOError:
            raise
        except OSError as error:
            self.broken = self.broken or error
            raise UnwritableError(f"{_NAMES[self.fileno()]}: {error.strerror}") from error


def guarded(name: str, command: Callable[[], int]) -> int:
    """The exit code of `command`, run with streams that keep to the rule above."""
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
    return _judged(name, code, raws)


def _fill_closed_descriptors() -> None:
    """What the program opens must not become a standard stream: others would write their words into it.

    What is written to a closed standard output is refused, as if nothing were there; a closed standard error is wanted.
    """
    for descriptor, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, flags)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 — a descriptor


def _text(raw: _CheckedStream, old: TextIO | None) -> TextIO:
    """A text stream as Python opens it, but for characters that its encoding lacks: they are written as escapes."""
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


def _judged(name: str, code: int, raws: list[_CheckedStream]) -> int:
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
    """What is still kept for a broken stream is written at the interpreter's end, where it must not fail."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, raw.fileno())
    os.close(nothing)
