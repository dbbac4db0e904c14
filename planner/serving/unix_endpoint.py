"""JSON-RPC over a Unix socket, as lines of JSON in both directions."""

import contextlib
import fcntl
import os
import socket
import stat
from pathlib import Path
from typing import Final

from planner.errors import PlannerError
from planner.serving import rpc
from planner.serving.endpoints import BUSY, MAX_FRAME, DeadlineHandler, Endpoint
from planner.serving.service import Service

_PRIVATE: Final = 0o177


class _Lines(DeadlineHandler):
    def handle(self) -> None:
        """Answer line by line until EOF, a line above the limit, or a timeout."""
        with contextlib.suppress(TimeoutError):
            self._answer_lines()

    def _answer_lines(self) -> None:
        while line := self.rfile.readline(MAX_FRAME + 1):
            if len(line) > MAX_FRAME:
                error = rpc.RpcError(rpc.TOO_LARGE, f"a line has at most {MAX_FRAME} bytes")
                self.wfile.write(rpc.encode(rpc.failure(None, error)) + b"\n")
                return
            if not line.strip():
                self.timed.expect()
                continue
            is_open, response = self.answer(line)
            if not is_open:
                return
            if response is not None:
                self.wfile.write(response + b"\n")


class UnixEndpoint(Endpoint):
    """Unix socket of mode 0600; an exclusive lock on `<path>.lock` marks its server.

    Raises `PlannerError` where another server has the path or the socket cannot be created.
    """

    address_family = socket.AF_UNIX
    busy = BUSY + b"\n"

    def __init__(self, path: Path, service: Service) -> None:
        self.service = service
        self._path = path
        self._lock_file = _claim(path)
        super().__init__(str(path), _Lines, bind_and_activate=False)  # type: ignore[arg-type]  # a Unix address
        before = os.umask(_PRIVATE)
        try:
            self.server_bind()
            self.server_activate()
        except OSError as error:
            self.server_close()
            raise PlannerError(f"{path}: the socket cannot be created: {error.strerror or error}") from None
        finally:
            os.umask(before)

    def server_close(self) -> None:
        """Close and remove the socket, then release the lock."""
        super().server_close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        os.close(self._lock_file)

    def __str__(self) -> str:
        return str(self._path)


def _claim(path: Path) -> int:
    """Take the exclusive lock of `path` and remove a stale socket. Returns the descriptor of the lock."""
    try:
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise PlannerError(f"{path}: the socket cannot be created: {error.strerror}") from None
    try:
        _take(lock, path)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _take(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PlannerError(
            f"{path}: another planner serves this socket; stop it or choose another path"
        ) from None
    if not os.path.lexists(path):
        return
    if not stat.S_ISSOCK(path.lstat().st_mode):
        raise PlannerError(f"{path}: exists and is not a socket; remove it or choose another path")
    if _answers(path):
        raise PlannerError(f"{path}: another program serves this socket; stop it or choose another path")
    path.unlink()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except BlockingIOError:  # its backlog is full, but it is alive
            return True
        except OSError:
            return False
    return True
