"""JSON on disk between two passes: what is too much for memory, read back in any order."""

import json
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Spool:
    """A nameless file of JSON lines in `directory`; it is gone when the context ends."""

    def __init__(self, directory: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 - closed in __exit__
        self._end = 0

    def add(self, line: str) -> int:
        """Append one line; its place."""
        offset, data = self._end, line.encode() + b"\n"
        self._file.seek(offset)
        self._file.write(data)
        self._end += len(data)
        return offset

    def read(self, offset: int) -> Any:
        """The JSON value at `place`."""
        self._file.seek(offset)
        return json.loads(self._file.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._file.close()
