"""Listening sockets of the page."""

import socket
from contextlib import suppress
from typing import Final

from bench.errors import BenchError

PORT: Final = 8420
"""Where the page is unless a port is given, or this one is taken."""


def bind(host: str, port: int | None) -> socket.socket:
    """A listening socket; port 0 is any free port, None is `PORT`, or any free one where that is taken.

    Raises `BenchError` where the address cannot be had.
    """
    if port is None:
        with suppress(OSError):
            return _listening(host, PORT)
    try:
        return _listening(host, port or 0)
    except OSError as error:
        raise BenchError(
            f"cannot serve on {host}:{port or 0}: {error.strerror or error}; give another --port"
        ) from error


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener
