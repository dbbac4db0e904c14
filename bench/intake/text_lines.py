"""Line reader with encoding detection from the first bytes of a file.

UTF-8 unless a byte order mark, or a NUL as one of the first two bytes, indicates UTF-16 or UTF-32: `>` of Windows
PowerShell 5 writes UTF-16.
"""

import codecs
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.intake.errors import IntakeError
from planner.system.regular_files import MIB, open_regular

LONGEST_LINE: Final = 16 * MIB
# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FIRST_BYTES: Final = 4


def read_lines(path: Path, remedy: str = "name a Beads file that can be read") -> Iterator[bytes | str]:
    """The lines with their ends: bytes of UTF-8, text of any other encoding.

    Raises: `IntakeError` where the file cannot be read (the message ends with `remedy`), changes its encoding, or
    has a line longer than `LONGEST_LINE`.
    """
    try:
        with open_regular(path) as file:
            yield from lines_of(file, str(path))
    except OSError as error:
        raise IntakeError(f"{path}: {error.strerror}; {remedy}") from error


def lines_of(file: io.BufferedReader, name: str) -> Iterator[bytes | str]:
    """The lines of an open file, called `name` in messages.

    Raises: `IntakeError` where it changes its encoding, or has a line longer than `LONGEST_LINE`.
    """
    encoding = _encoding(file.peek(_FIRST_BYTES)[:_FIRST_BYTES])
    with file if encoding is None else _decoded(file, encoding) as lines:
        yield from _bounded(lines, name, encoding)


def decoded(content: bytes) -> str:
    """The text of a whole file, without a byte order mark; what is not of its encoding is replaced."""
    encoding = _encoding(content[:_FIRST_BYTES])
    return content.decode(encoding or "utf-8", "replace").removeprefix("\ufeff")


def _encoding(first: bytes) -> str | None:
    """The encoding of a file that begins so; None for UTF-8."""
    for mark, name in _MARKS:
        if first.startswith(mark):
            return name
    if len(first) > 1 and (first[0] == 0) != (first[1] == 0):
        return "utf-16-be" if first[0] == 0 else "utf-16-le"
    return None


def _decoded(file: io.BufferedReader, encoding: str) -> io.TextIOWrapper:
    # Only "\n" ends a line: other Unicode line separators may occur inside a JSON string.
    return io.TextIOWrapper(file, encoding=encoding, newline="\n")


def _bounded(
    lines: io.BufferedReader | io.TextIOWrapper, name: str, encoding: str | None
) -> Iterator[bytes | str]:
    read = 0
    while True:
        try:
            line = lines.readline(LONGEST_LINE + 1)
        except UnicodeError as error:
            what = (encoding or "").upper()
            raise IntakeError(
                f"{name}: begins as {what} but is not {what} after line {read}; save it as UTF-8"
            ) from error
        if not line:
            return
        if len(line) > LONGEST_LINE:
            raise IntakeError(
                f"{name}: a line of more than {LONGEST_LINE // MIB} MiB; write one record a line"
            )
        read += 1
        yield line
