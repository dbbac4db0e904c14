"""Incremental reader of JSON lines of an untrusted program, which may still be writing them; bounded in memory."""

import contextlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from workers.untrusted import open_regular, parse_json

MAX_LINE_BYTES = 8 * 1024 * 1024
"""A longer line is dropped: no event that counts is that long."""
_CHUNK = 1024 * 1024
_FOLLOWED = 512


class Tally(Protocol):
    """An accumulator of events; it accepts any JSON object and never raises."""

    def feed(self, event: dict[str, Any]) -> None: ...


T = TypeVar("T", bound=Tally)


class _LineReader(Generic[T]):
    """Read position in one file: the tally so far, and the start of an incomplete line."""

    def __init__(self, tally: T) -> None:
        self.tally = tally
        self.identity: tuple[int, int] | None = None
        self.offset = 0
        self._rest = b""
        self._dropping = False

    def _line(self, line: bytes) -> None:
        if len(line) <= MAX_LINE_BYTES and line.lstrip()[:1] == b"{":
            event = parse_json(line)
            if isinstance(event, dict):
                self.tally.feed(event)

    def _add(self, chunk: bytes) -> None:
        *lines, rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            if not self._dropping:
                self._line(line)
            self._dropping = False
        self._rest = rest
        if len(rest) > MAX_LINE_BYTES:
            self._rest, self._dropping = b"", True

    def drain(self, handle: int) -> None:
        """Read what was appended since the last call."""
        while chunk := os.pread(handle, _CHUNK, self.offset):
            self.offset += len(chunk)
            self._add(chunk)

    def close(self) -> None:
        """Read a last line without line end."""
        if not self._dropping:
            self._line(self._rest)
        self._rest = b""


def add_up(path: Path, tally: T) -> T:
    """`tally` after all objects in the file; lines that are no JSON objects are skipped."""
    handle = open_regular(path)
    if handle is None:
        return tally
    stream = _LineReader(tally)
    try:
        with contextlib.suppress(OSError):
            stream.drain(handle)
            stream.close()
    finally:
        os.close(handle)
    return tally


class Follower(Generic[T]):
    """Tallies of growing files, of which each call reads only the new part; thread-safe."""

    def __init__(self, fresh: Callable[[], T]) -> None:
        self._fresh = fresh
        self._lock = threading.Lock()
        self._streams: OrderedDict[Path, _LineReader[T]] = OrderedDict()

    def _stream(self, path: Path, status: os.stat_result) -> _LineReader[T]:
        identity = (status.st_dev, status.st_ino)
        stream = self._streams.pop(path, None)
        if stream is None or stream.identity != identity or stream.offset > status.st_size:
            stream = _LineReader(self._fresh())
            stream.identity = identity
        self._streams[path] = stream
        while len(self._streams) > _FOLLOWED:
            self._streams.popitem(last=False)
        return stream

    def so_far(self, path: Path) -> T:
        """The tally of the complete lines so far; an empty one where there is no file."""
        handle = open_regular(path)
        if handle is None:
            return self._fresh()
        try:
            with self._lock:
                stream = self._stream(path, os.fstat(handle))
                stream.drain(handle)
                return stream.tally
        except OSError:
            return self._fresh()
        finally:
            os.close(handle)
