"""Status line: text at the bottom of a terminal that is overwritten in place and makes way for other output."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import ClassVar, Final, TextIO

_ERASE: Final = "\r\x1b[K"
_FEWEST_COLUMNS: Final = 20


class StatusLine:
    """The status line of a terminal. Methods may be called from any thread; one line is shown at a time."""

    _lock: ClassVar = threading.RLock()
    _shown: ClassVar["StatusLine | None"] = None

    def __init__(self, stream: TextIO) -> None:
        """`stream` is kept: a library that redirects standard error meanwhile does not catch the line."""
        self._stream = stream

    @property
    def columns(self) -> int:
        """Width of the terminal, less one column: a full line would wrap."""
        try:
            columns = os.get_terminal_size(self._stream.fileno()).columns
        except (OSError, ValueError):
            columns = 0
        return max(columns or 80, _FEWEST_COLUMNS) - 1

    def draw(self, text: str) -> None:
        """Show `text`, which must be visible characters, in place of what was shown before."""
        with self._lock:
            self._write(f"{_ERASE}{text}")
            StatusLine._shown = self

    def erase(self) -> None:
        """Remove the line."""
        with self._lock:
            if StatusLine._shown is self:
                self._write(_ERASE)
                StatusLine._shown = None

    def _write(self, text: str) -> None:
        # A terminal that was closed fails the command at its next line of output, not at its status.
        with suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()

    @classmethod
    @contextmanager
    def pushed_aside(cls) -> Iterator[None]:
        """Context in which other output is written; the next `draw` shows the line again, below it."""
        with cls._lock:
            if cls._shown is not None:
                cls._shown.erase()
            yield
