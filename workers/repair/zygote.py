"""Zygote (prefork server): a process that imports the expensive modules once and forks a child for each request."""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from workers.repair import processes, wire
from workers.repair.errors import ZygoteLostError

Send = Callable[[Any], None]
"""Sends one JSON value from the forked child to the client."""
Handler = Callable[[dict[str, Any], Send], None]
_LAST = b'"end"'
_SLACK_SECONDS = 5.0


class Zygote:
    """The client side. `body` runs in the new process and is expected to call `serve`."""

    def __init__(self, body: Callable[[socket.socket], None]) -> None:
        self._sock, theirs = socket.socketpair()
        self._asked = self._answered = 0
        self._kept: dict[int, tuple[list[Any], bool]] = {}
        self.pid = os.fork()
        if self.pid == 0:
            _become(body, self._sock, theirs)
        theirs.close()

    def begin(self, order: Any, deadline: float) -> None:
        """Send the first message to the body."""
        self._send(order, deadline)

    def hello(self, deadline: float) -> Any:
        """Receive the first message of the body."""
        return self._receive(deadline)

    def ask(self, request: dict[str, Any], deadline: float | None = None) -> int:
        """Queue a request (with its `limit` in seconds); returns a ticket for `answer`.

        Raises `TimeoutError` where it is not sent by `deadline`: a part may be, so no further request is possible.
        """
        self._send(request, deadline)
        self._asked += 1
        return self._asked

    def _send(self, message: Any, deadline: float | None) -> None:
        try:
            wire.send(self._sock, message, lambda: self._collect_answer(deadline), deadline)
        except TimeoutError:
            raise
        except OSError:
            raise ZygoteLostError from None

    def answer(self, ticket: int, deadline: float) -> tuple[list[Any], bool]:
        """The values that the child for a request sent, and whether it completed within its limit."""
        while ticket not in self._kept:
            self._collect_answer(deadline)
        return self._kept.pop(ticket)

    def _collect_answer(self, deadline: float | None = None) -> None:
        lines, done = self._receive(deadline)
        self._answered += 1
        self._kept[self._answered] = (lines, done)

    def _receive(self, deadline: float | None) -> Any:
        try:
            return wire.receive(self._sock, deadline)
        except (EOFError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise ZygoteLostError from None

    def close(self) -> None:
        """End the zygote and everything it started."""
        self._sock.close()
        _kill_tree(self.pid)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _kill_tree(pid: int) -> None:
    """Stop a zygote, then kill its descendants before itself, so that no other process adopts one."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    for child in _descendants(pid):
        _kill_and_wait(child)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _kill_and_wait(pid: int) -> None:
    """Kill a process that is not our child, and wait until it has ended."""
    with suppress(ProcessLookupError, PermissionError):
        handle = os.pidfd_open(pid)
        try:
            os.kill(pid, signal.SIGKILL)
            select.select([handle], [], [], _SLACK_SECONDS)
        finally:
            os.close(handle)


def _descendants(pid: int) -> Iterator[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:  # noqa: PTH123 - short and hot
            children = [int(child) for child in file.read().split()]
    except OSError:
        return
    for child in children:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(child, signal.SIGSTOP)
        yield from _descendants(child)
        yield child


def _become(body: Callable[[socket.socket], None], ours: socket.socket, theirs: socket.socket) -> None:
    code = 1
    try:
        ours.close()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        processes.die_with_parent()
        processes.adopt_orphans()
        silence()
        body(theirs)
        code = 0
    finally:
        os._exit(code)


def silence() -> None:
    """Redirect the standard streams to the null device: the output of tests must not mix with our own lines."""
    null = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        os.dup2(null, handle)
    os.close(null)


def serve(sock: socket.socket, handler: Handler) -> None:
    """Answer requests until the client closes, each in a fork of its own."""
    gc.collect()
    gc.freeze()
    while True:
        try:
            request = wire.receive(sock)
        except (EOFError, OSError):
            return
        with suppress(OSError):
            wire.send(sock, _in_fork(sock, handler, request))


def _in_fork(sock: socket.socket, handler: Handler, request: dict[str, Any]) -> tuple[list[Any], bool]:
    read, write = os.pipe()
    limit = float(request["limit"])
    pid = os.fork()
    if pid == 0:
        os.close(read)
        sock.close()
        _child(handler, request, write, limit)
    os.close(write)
    try:
        return wire.read_lines(read, time.monotonic() + limit, float(request.get("idle", limit)), _LAST)
    finally:
        os.close(read)
        processes.end(pid)


def _child(handler: Handler, request: dict[str, Any], write: int, limit: float) -> None:
    try:
        os.setsid()
        processes.die_with_parent()
        processes.limit_candidate(limit)
        sys.dont_write_bytecode = True
        handler(request, lambda value: _write_line(write, value))
        os.write(write, _LAST + b"\n")
    finally:
        os._exit(0)


def _write_line(write: int, value: Any) -> None:
    from json import dumps

    line = dumps(value).encode() + b"\n"
    while line:
        line = line[os.write(write, line) :]
