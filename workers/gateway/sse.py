"""Incremental parser of server-sent events."""

from collections.abc import Iterator
from typing import Final

MAX_EVENT_BYTES: Final = 16 * 1024 * 1024


class EventParser:
    """Splits a byte stream into the `data` of its events; bounded in memory."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The data of each event that ends in `chunk`; data lines of one event are joined by a line end."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            line = line.rstrip(b"\r")
            if line.startswith(b"data:"):
                self._add(line[5:].removeprefix(b" "))
            elif not line and self._data:
                yield self._take()
        if len(self._rest) > MAX_EVENT_BYTES:
            self._rest = b""

    def close(self) -> Iterator[bytes]:
        """The data of a last event without an empty line after it."""
        yield from self.feed(b"\n\n")

    def _add(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= MAX_EVENT_BYTES:
            self._data.append(data)

    def _take(self) -> bytes:
        data = b"\n".join(self._data)
        self._data, self._size = [], 0
        return data
