"""Who is connected, and whose turn it is to leave: no number of silent or slow clients keeps another one out."""

import contextlib
import io
import socket
import threading
from time import monotonic
from typing import Any, Final

REQUEST_SECONDS: Final = 10.0
"""From the first byte of a request to its last, and again for its answer to be read."""


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
        """Lowest is the first to leave: who was never answered, then who waits longest. None while it is answered."""
        return None if self._is_answering else (self._answers > 0, self._waiting_since)

    def begin_answer(self) -> bool:
        """A whole request is here; False where the client was taken away, and nobody would read the answer."""
        with self._lock:
            self._is_answering = not self._is_evicted
            return self._is_answering

    def begin_sending(self) -> None:
        """The answer is ready: from here on it is the client that is waited for."""
        with self._lock:
            self._is_answering = False
            self._waiting_since = monotonic()
            self._answers += 1
        self.connection.settimeout(REQUEST_SECONDS)

    def evict(self) -> None:
        """End the connection; the lock is held."""
        self._is_evicted = True
        # Its thread wakes up and sees the end.
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


class ConnectionTable:
    """The open connections, at most `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._clients: dict[socket.socket, ClientConnection] = {}

    def admit(self, connection: socket.socket) -> ClientConnection | None:
        """A client for a new connection; where all are taken, that of the client that is waited for longest.

        Clients that were never answered leave before those that were. None where every one is being answered.
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
        """The client of a connection; None where it was taken away before its thread began."""
        with self._lock:
            return self._clients.get(connection)

    def release(self, connection: socket.socket) -> None:
        """The connection is over."""
        with self._lock:
            self._clients.pop(connection, None)

    def open_connections(self) -> list[ClientConnection]:
        """All that are open."""
        with self._lock:
            return list(self._clients.values())


class DeadlineReader(io.RawIOBase):
    """Reads from a socket: `idle` seconds for a request to begin, `REQUEST_SECONDS` for the whole of it.

    A timeout of the socket alone would begin anew with every byte. `TimeoutError` where the time is over.
    """

    def __init__(self, connection: socket.socket, idle: float) -> None:
        self._connection, self._idle = connection, idle
        self.expect()

    def expect(self) -> None:
        """The next request may begin."""
        self._deadline = monotonic() + self._idle
        self._has_begun = False

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Receive once."""
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutError("the request did not arrive in time")
        self._connection.settimeout(left)
        count = self._connection.recv_into(buffer)
        if not self._has_begun:
            self._has_begun = True
            self._deadline = monotonic() + REQUEST_SECONDS
        return count
