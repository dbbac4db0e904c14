"""Threaded listeners with a connection limit and graceful shutdown."""

import contextlib
import io
import socket
import socketserver
import threading
from time import monotonic
from typing import Any, Final

from planner.serving import rpc
from planner.serving.connections import ConnectionTable, DeadlineReader
from planner.serving.service import Service

MAX_FRAME: Final = 4 * 1024 * 1024
"""Maximum size of a request or batch in bytes; a planner_input has a few thousand."""
MAX_CONNECTIONS: Final = 128
BUSY: Final = rpc.encode(
    rpc.failure(None, rpc.RpcError(rpc.SERVER_BUSY, "server busy: too many connections"))
)


class Endpoint(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Listener with one thread a connection and a limit of connections.

    `stop` is a graceful shutdown: it accepts no new connections and drains the open ones, which answer every request
    that has arrived.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = MAX_CONNECTIONS
    service: Service
    max_connections = MAX_CONNECTIONS
    busy = b""
    """Response to a client that is rejected at the connection limit."""

    def begin(self) -> None:
        """Start listening in a background thread."""
        self.clients = ConnectionTable(self.max_connections)
        self._waiting = True
        self._loop = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="planner-listener", daemon=True
        )
        self._loop.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in its own thread, or reject it where the limit of busy connections is reached."""
        client = self.clients.admit(request)
        if client is None:
            with contextlib.suppress(OSError):
                request.sendall(self.busy)
            self.shutdown_request(request)
            return
        client.thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        client.thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection and release its place in the connection table."""
        super().shutdown_request(request)
        self.clients.release(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore the error: a client that disconnects is not an error of the server."""

    def handle_timeout(self) -> None:
        """The backlog is empty: no client waits to be accepted."""
        self._waiting = False

    def stop(self, seconds: float) -> bool:
        """Graceful shutdown: answer every request that has arrived, for at most `seconds`.

        Returns whether all were answered.
        """
        deadline = monotonic() + seconds
        self.shutdown()
        self.timeout = 0
        # Bounded by the size of the backlog: a flood of clients, or a process without free descriptors, would
        # otherwise keep this loop running.
        for _ in range(self.request_queue_size + 1):
            if self._waiting:
                self.handle_request()
        self.server_close()
        clients = self.clients.open_connections()
        for client in clients:
            # Received bytes can still be read; then the reader gets EOF and returns.
            with contextlib.suppress(OSError):
                client.connection.shutdown(socket.SHUT_RD)
        threads = [client.thread for client in clients if client.thread is not None]
        for thread in threads:
            thread.join(max(0.0, deadline - monotonic()))
        return not any(thread.is_alive() for thread in threads)


class DeadlineHandler(socketserver.StreamRequestHandler):
    """Request handler of one connection; `rfile` has the deadlines of `DeadlineReader`."""

    server: Endpoint
    idle_seconds = 600.0
    """Idle timeout of a connection in seconds."""

    def setup(self) -> None:
        """Wrap `rfile` in a reader with deadlines."""
        super().setup()
        self.rfile.close()
        self.timed = DeadlineReader(self.connection, self.idle_seconds)
        self.rfile = io.BufferedReader(self.timed)
        self.client = self.server.clients.of(self.connection)

    def answer(self, request: bytes) -> tuple[bool, bytes | None]:
        """Answer one request.

        Returns whether the connection is still open, and the response, None for notifications.
        """
        if self.client is None or not self.client.begin_answer():
            return False, None
        try:
            return True, self.server.service.answer(request)
        finally:
            self.client.begin_sending()
            self.timed.expect()
