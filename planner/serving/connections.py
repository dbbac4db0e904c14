"""Connection limit with eviction: silent or slow clients cannot lock other clients out."""

import contextlib
import io
import socket
import threading
from time import monotonic
from typing import Any, Final

REQUEST_SECONDS: Final = 10.0
"""Timeout in seconds for receiving a whole request, and for sending its response."""


class ClientConnection:
    """State of one connection: answering a request, or waiting for its client.

    Only its own thread changes that state. `ConnectionTable` may evict it while it waits for its client.
    """

    def __init__(self, connection: socket.socket, lock: threading.Lock) -> None:
        self.connection = connection
        self.thread: threading.Thread | None = None
        self._lock = lock
        self._is_answering = False
        self._is_evicted = False
        self._waiting_since = monotonic()
        self._answers = 0

    @property
    def rank(self) -> tuple[bool, float] | None:
        """Eviction order, the lowest first: never answered, then idle longest. None while it is answering."""
        return None if self._is_answering else (self._answers > 0, self._waiting_since)

    def begin_answer(self) -> bool:
        """Mark the start of an answer; False where the connection was evicted."""
        with self._lock:
            self._is_answering = not self._is_evicted
            return self._is_answering

    def begin_sending(self) -> None:
        """Mark the end of an answer: from now on the connection waits for its client."""
        with self._lock:
            self._is_answering = False
            self._waiting_since = monotonic()
            self._answers += 1
        self.connection.settimeout(REQUEST_SECONDS)

    def evict(self) -> None:
        """Shut the connection down; the caller holds the lock."""
        self._is_evicted = True
        # Its thread wakes up and reads EOF.
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


class ConnectionTable:
    """Table of the open connections, at most `most`. Thread-safe."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._clients: dict[socket.socket, ClientConnection] = {}

    def admit(self, connection: socket.socket) -> ClientConnection | None:
        """Register a new connection; a full table evicts the connection that has waited longest for its client.

        Connections that were never answered are evicted first. Returns None where every connection is answering.
        """
        with self._lock:
            if len(self._clients) >= self._most and not self._evict_idle():
                return None
            client = self._clients[connection] = ClientConnection(connection, self._lock)
            return client

    def _evict_idle(self) -> bool:
        ranked = [(client.rank, client) for client in self._clients.values() if client.rank is not None]
        if not ranked:
            return False
        _, client = min(ranked, key=lambda pair: pair[0])
        del self._clients[client.connection]
        client.evict()
        return True

    def of(self, connection: socket.socket) -> ClientConnection | None:
        """The state of a connection; None where it was evicted before its thread started."""
        with self._lock:
            return self._clients.get(connection)

    def release(self, connection: socket.socket) -> None:
        """Remove a closed connection."""
        with self._lock:
            self._clients.pop(connection, None)

    def open_connections(self) -> list[ClientConnection]:
        """All open connections."""
        with self._lock:
            return list(self._clients.values())


class DeadlineReader(io.RawIOBase):
    """Socket reader with deadlines: `idle` seconds until a request starts, `REQUEST_SECONDS` for all of it.

    A socket timeout alone would restart with every byte. Raises `TimeoutError` after a deadline.
    """

    def __init__(self, connection: socket.socket, idle: float) -> None:
        self._connection, self._idle = connection, idle
        self.expect()

    def expect(self) -> None:
        """Restart the idle deadline, for the next request."""
        self._deadline = monotonic() + self._idle
        self._has_begun = False

    def readable(self) -> bool:
        """Always True."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Receive once. Raises `TimeoutError` after the deadline."""
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutError("the request did not arrive in time")
        self._connection.settimeout(left)
        count = self._connection.recv_into(buffer)
        if not self._has_begun:
            self._has_begun = True
            self._deadline = monotonic() + REQUEST_SECONDS
        return count
