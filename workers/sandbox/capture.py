"""Bounded capture of output: the head is written live, the tail at the end, with a marker between them."""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

_TAIL_BYTES = 1024 * 1024
MIN_SECRET_LENGTH: Final = 6
"""A shorter secret is not redacted: it would redact everything."""


def marker(left_out: int) -> bytes:
    """The marker for the omitted middle."""
    return f"\n… {left_out} bytes left out …\n".encode()


class Capture:
    """A file that grows live up to its limit, so that it can be followed while the program runs."""

    def __init__(self, path: Path, limit: int) -> None:
        self._tail_limit = min(_TAIL_BYTES, limit // 2)
        self._room = limit - self._tail_limit
        self._tail = bytearray()
        self._left_out = 0
        self._file: BinaryIO = path.open("wb", buffering=0)

    def feed(self, data: bytes) -> None:
        if self._room:
            head = data[: self._room]
            self._write(head)
            self._room -= len(head)
            data = data[len(head) :]
        self._tail += data
        over = len(self._tail) - self._tail_limit
        if over > 0:
            self._left_out += over
            del self._tail[:over]

    def _write(self, data: bytes | bytearray) -> None:
        """Write all of it: on a nearly full disk a write is partial, and only the next one fails."""
        while data:
            data = data[self._file.write(data) :]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if self._left_out:
                self._write(marker(self._left_out))
            if self._tail:
                self._write(self._tail)


def redact(data: bytes, secrets: Iterable[str]) -> bytes:
    """`data` with secret values redacted, except very short ones, which would redact everything."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= MIN_SECRET_LENGTH:
            data = data.replace(secret.encode(), b"[secret]")
    return data


def shorten(data: bytes, limit: int) -> bytes:
    """At most about `limit` bytes of `data`: half from the head, half from the tail."""
    if len(data) <= limit:
        return data
    half = limit // 2
    return data[:half] + marker(len(data) - 2 * half) + data[len(data) - half :]
