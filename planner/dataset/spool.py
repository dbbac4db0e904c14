"""Temporary spool of JSON values on disk, written once and read in any order."""

import json
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Spool:
    """Unnamed temporary file of JSON lines in `directory`, deleted when the context ends."""

    def __init__(self, directory: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 - closed in __exit__
        self._end = 0

    def add(self, line: str) -> int:
        """Append one line and return its byte offset."""
        offset, data = self._end, line.encode() + b"\n"
        self._file.seek(offset)
        self._file.write(data)
        self._end += len(data)
        return offset

    def read(self, offset: int) -> Any:
        """Parse the JSON value at a byte offset."""
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
