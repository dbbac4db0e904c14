"""Listeners that answer all they have heard before they stop."""

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
"""Bytes of one request or batch; a planner_input is a few thousand."""
MAX_CONNECTIONS: Final = 128
BUSY: Final = rpc.encode(
    rpc.failure(None, rpc.RpcError(rpc.SERVER_BUSY, "server busy: too many connections"))
)


class Endpoint(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A listener with one thread a connection, and no more connections than are allowed.

    `stop` takes no new connections, lets every open one answer what has arrived by then, and waits for it.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = MAX_CONNECTIONS
    service: Service
    max_connections = MAX_CONNECTIONS
    busy = b""
    """What a client hears where too many are connected."""

    def begin(self) -> None:
        """Listen in a thread of its own."""
        self.clients = ConnectionTable(self.max_connections)
        self._waiting = True
        self._loop = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="planner-listener", daemon=True
        )
        self._loop.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand a connection to a thread, or turn it away where as many as are allowed are being answered."""
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
        """Close a connection; the thread that served it is done."""
        super().shutdown_request(request)
        self.clients.release(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of the server's."""

    def handle_timeout(self) -> None:
        """Nobody waits to be accepted any more."""
        self._waiting = False

    def stop(self, seconds: float) -> bool:
        """Answer what has arrived; whether all was answered within `seconds`."""
        deadline = monotonic() + seconds
        self.shutdown()
        self.timeout = 0
        # No more can be waiting than the backlog holds: a flood of clients, or a process that is out of
        # descriptors, would otherwise be listened to for ever.
        for _ in range(self.request_queue_size + 1):
            if self._waiting:
                self.handle_request()
        self.server_close()
        clients = self.clients.open_connections()
        for client in clients:
            # What was received can still be read; then the reader sees the end and leaves.
            with contextlib.suppress(OSError):
                client.connection.shutdown(socket.SHUT_RD)
        threads = [client.thread for client in clients if client.thread is not None]
        for thread in threads:
            thread.join(max(0.0, deadline - monotonic()))
        return not any(thread.is_alive() for thread in threads)


class DeadlineHandler(socketserver.StreamRequestHandler):
    """Serves one connection of an `Endpoint`; `rfile` keeps to the deadlines of `DeadlineReader`."""

    server: Endpoint
    idle_seconds = 600.0
    """How long a connection may say nothing."""

    def setup(self) -> None:
        """Read through the deadlines."""
        super().setup()
        self.rfile.close()
        self.timed = DeadlineReader(self.connection, self.idle_seconds)
        self.rfile = io.BufferedReader(self.timed)
        self.client = self.server.clients.of(self.connection)

    def answer(self, request: bytes) -> tuple[bool, bytes | None]:
        """Whether somebody still waits for the answer, and the answer. What follows is sending it."""
        if self.client is None or not self.client.begin_answer():
            return False, None
        try:
            return True, self.server.service.answer(request)
        finally:
            self.client.begin_sending()
            self.timed.expect()
