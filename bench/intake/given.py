"""A backlog as a command was given it: a file, or standard input, which can be read once and is buffered."""

import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from bench.intake.errors import IntakeError
from bench.intake.text_lines import decoded, lines_of
from planner.system.regular_files import MIB, open_regular

STDIN: Final = Path("-")
"""The path that names standard input."""
LARGEST: Final = 512 * MIB
"""Bytes of a backlog that has to be read as a whole."""


@dataclass(frozen=True)
class Given:
    """The bytes of a backlog, with the name under which messages mention it."""

    path: Path
    content: bytes | None = None
    """Of standard input; None: the file is read."""

    @property
    def name(self) -> str:
        """The name of the file, as it was given."""
        return "standard input" if self.is_stdin else str(self.path)

    @property
    def is_stdin(self) -> bool:
        """Whether it is standard input."""
        return self.path == STDIN

    def lines(self, remedy: str = "name a backlog that can be read") -> Iterator[bytes | str]:
        """The lines with their ends, as `read_lines` returns them.

        Raises: `IntakeError` as `read_lines`.
        """
        try:
            with self._open() as file:
                yield from lines_of(file, self.name)
        except OSError as error:
            raise IntakeError(f"{self.name}: {error.strerror}; {remedy}") from error

    def text(
        self, most: int = LARGEST, remedy: str = "name a backlog that can be read", split: str = "split it"
    ) -> str:
        """The whole content as text; bytes that are not of its encoding are replaced.

        Raises: `IntakeError` where it cannot be read, or has more than `most` bytes.
        """
        try:
            with self._open() as file:
                content = file.read(most + 1)
        except OSError as error:
            raise IntakeError(f"{self.name}: {error.strerror}; {remedy}") from error
        if len(content) > most:
            raise IntakeError(f"{self.name}: larger than {most // MIB} MiB; {split}")
        return decoded(content)

    def _open(self) -> io.BufferedReader:
        if self.content is not None:
            return io.BufferedReader(io.BytesIO(self.content))
        return open_regular(self.path)


def given(path: Path) -> Given:
    """The backlog at a path; of `-` standard input, read to its end.

    Raises: `IntakeError` where standard input is a terminal, closed or empty, or longer than `LARGEST`.
    """
    if path != STDIN:
        return Given(path)
    # Python's stdin is None where the shell has closed it.
    stdin: TextIO | None = sys.stdin
    if stdin is None or stdin.isatty():
        raise IntakeError(
            "standard input is a terminal, or closed; pipe a backlog in, as in: bd export | bench issues import -"
        )
    content = stdin.buffer.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise IntakeError(f"standard input: larger than {LARGEST // MIB} MiB; split it")
    if not content.strip():
        raise IntakeError("standard input is empty; see whether the command before the pipe failed")
    return Given(path, content)
