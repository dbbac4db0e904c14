"""A man in the middle of a worker and its PostgreSQL, who can hold his tongue at the worst moment."""

import socket
import threading
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa

_SOCKET = ".s.PGSQL.5432"
# The message after a call that was a transaction by itself: it is committed, and the next one may come.
_READY_OUTSIDE_A_TRANSACTION = b"Z\x00\x00\x00\x05I"


class Proxy:
    """Listens in `directory` and passes everything on to the server of `database_url`, both on Unix sockets."""

    def __init__(self, directory: Path, database_url: str) -> None:
        url = sa.make_url(database_url)
        self._target = str(Path(str(url.query["host"])) / _SOCKET)
        self.url = url.update_query_dict({"host": str(directory)}).render_as_string(hide_password=False)
        self.cut_after: bytes | None = None
        """The next call with these words reaches the server, which commits it; its reply reaches nobody."""
        self.cuts = 0
        self.heard = b""
        """What the server answered after the last cut."""
        self._silent = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(directory / _SOCKET))
        self._listener.listen(64)
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def go_dark(self) -> None:
        """End every connection and accept no more."""
        self._silent = True
        self._end_all()

    def come_back(self) -> None:
        """Accept connections again."""
        self._silent = False

    def close(self) -> None:
        """End all, wait for every thread."""
        self._silent = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._end_all()
        for thread in self._threads:
            thread.join(60)
        for pair in self._pairs:
            for end in pair:
                end.close()

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _end_all(self) -> None:
        with self._lock:
            for pair in self._pairs:
                _end(pair)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._silent:
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            with self._lock:
                self._pairs.append((client, server))
            try:
                server.connect(self._target)
            except OSError:
                _end((client, server))
                continue
            commits = threading.Event()
            self._start(self._to_server, client, server, commits)
            self._start(self._to_client, client, server, commits)

    def _to_server(self, client: socket.socket, server: socket.socket, commits: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                if self.cut_after is not None and self.cut_after in data:
                    self.cut_after = None
                    commits.set()
                server.sendall(data)
        _end((client, server))

    def _to_client(self, client: socket.socket, server: socket.socket, commits: threading.Event) -> None:
        swallowed = b""
        with suppress(OSError):
            while data := server.recv(65536):
                if commits.is_set():
                    swallowed += data
                    if swallowed.endswith(_READY_OUTSIDE_A_TRANSACTION):
                        assert b"SELECT 1" in swallowed, "the server has not committed"
                        self.cuts += 1
                        break
                    continue
                if self.cuts:
                    self.heard += data
                client.sendall(data)
        _end((client, server))


def _end(pair: tuple[socket.socket, socket.socket]) -> None:
    for end in pair:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
