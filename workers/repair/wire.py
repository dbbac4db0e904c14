"""Length-prefixed JSON messages over a stream socket, and JSON lines over a pipe."""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_HEADER = struct.Struct(">I")


def send(
    sock: socket.socket,
    message: Any,
    on_readable: Callable[[], None] | None = None,
    deadline: float | None = None,
) -> None:
    """Send one message. Raises `OSError` where the peer has closed the socket.

    `on_readable` is called whenever there is a message to receive first, which prevents a deadlock of two sides that
    only send. With it, `TimeoutError` is raised at `deadline` (monotonic seconds) where the peer neither reads nor
    writes.
    """
    body = json.dumps(message).encode()
    data = memoryview(_HEADER.pack(len(body)) + body)
    while data:
        if on_readable is not None:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            readable, writable, _ = select.select([sock], [sock], [], left)
            if readable:
                on_readable()
                continue
            if not writable:
                raise TimeoutError
        with suppress(BlockingIOError):
            data = data[sock.send(data, socket.MSG_DONTWAIT if on_readable is not None else 0) :]


def receive(sock: socket.socket, deadline: float | None = None) -> Any:
    """The next message. Raises `EOFError` at the end, `TimeoutError` at `deadline` (monotonic seconds)."""
    (length,) = _HEADER.unpack(_exactly(sock, _HEADER.size, deadline))
    return json.loads(_exactly(sock, length, deadline))


def _exactly(sock: socket.socket, count: int, deadline: float | None) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        if deadline is not None:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([sock], [], [], left)[0]:
                raise TimeoutError
        part = sock.recv(count - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def read_lines(handle: int, deadline: float, idle: float, last: bytes) -> tuple[list[Any], bool]:
    """JSON lines from a pipe, and whether `last` was among them.

    Reading ends at the line `last`, at the pipe's end, at `deadline`, or after `idle` seconds without data.
    """
    buffer = b""
    while not buffer.endswith(last + b"\n"):
        left = min(idle, deadline - time.monotonic())
        if left <= 0 or not select.select([handle], [], [], left)[0]:
            break
        part = os.read(handle, 1 << 20)
        if not part:
            break
        buffer += part
    lines = buffer.split(b"\n")[:-1]
    done = bool(lines) and lines[-1] == last
    return [json.loads(line) for line in (lines[:-1] if done else lines)], done
