"""TCP to Unix socket forwarder of one sandbox: `forward.py PORT SOCKET [PORT SOCKET …] -- PROGRAM …`.

Started without site packages in a network namespace without a route. It listens on 127.0.0.1 at each port, forks a
daemon that joins every connection to the port's Unix socket, and executes the program in its own process: exit code,
signals, standard input and process group are the program's own. The daemon is an orphan that the sandbox's first
process adopts and that dies with the sandbox. It reaches nothing but its sockets. Any step that fails before the
program starts ends it with one line and exit code 126; a program that cannot be executed, with 127. In a container
the image's Python runs it: 3.9 is enough.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import sys

_CHUNK = 65536
_BACKLOG = 4096
_ACCEPTS = 64
"""Connections accepted at a time, so that the open ones are not starved."""
_RETRY_MS = 20
"""Delay before another try where descriptors or the server's backlog are exhausted."""
_IN, _OUT = select.EPOLLIN, select.EPOLLOUT
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class End:
    """One socket of a connection: the program's (`is_client`) or the server's."""

    __slots__ = ("broken", "events", "is_client", "other", "pending", "reading", "socket")
    other: End

    def __init__(self, connected: socket.socket, *, is_client: bool) -> None:
        connected.setblocking(False)
        self.socket = connected
        self.is_client = is_client
        self.pending = memoryview(b"")
        """Bytes of the other end that are still to be written to this one."""
        self.reading = True
        """Whether its end of file is still to come."""
        self.broken = False
        """Whether it takes no more bytes: what the other end sends is then discarded."""
        self.events = 0

    def receive(self) -> None:
        """Move one chunk to the other end; an end of file is passed on as half a close. Raises `OSError`."""
        try:
            data = self.socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            if self.is_client:
                raise
            data = b""  # a server that closed before it had read all of the request: its response is complete
        if not data:
            self.reading = False
        if not self.other.broken:
            self.other.pending = memoryview(data)
            self.other.send()

    def send(self) -> None:
        """Write what is pending, then the end of file where there is one. Raises `OSError`."""
        try:
            while self.pending:
                self.pending = self.pending[self.socket.send(self.pending) :]
            if not self.other.reading:
                self.socket.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            return
        except OSError:
            if self.is_client:
                raise
            self.broken, self.pending = True, memoryview(b"")  # its response may still be read

    def wanted(self) -> int:
        """The events to wait for: more input only when the last of it has been written."""
        reads = self.reading and not self.other.pending
        return (_IN if reads else 0) | (_OUT if self.pending else 0)


class Forwarder:
    """Event loop over the listening sockets and all connections."""

    def __init__(self, listeners: dict[socket.socket, str]) -> None:
        self._poll = select.epoll()
        self._listeners = {listener.fileno(): (listener, path) for listener, path in listeners.items()}
        self._ends: dict[int, End] = {}
        self._unconnected: list[tuple[socket.socket, str]] = []
        """Connections of the program for which the server's backlog has no room yet."""
        self._is_listening = False
        self._listen(True)

    def run(self) -> None:
        """Forward until the process is killed."""
        while True:
            self.step(_RETRY_MS / 1000 if self._unconnected or not self._is_listening else None)

    def step(self, timeout: float | None) -> None:
        """Wait for events and handle them."""
        for fd, events in self._poll.poll(timeout):
            if fd in self._listeners:
                self._accept(*self._listeners[fd])
            elif fd in self._ends:
                self._handle(self._ends[fd], events)
        waiting, self._unconnected = self._unconnected, []
        for client, path in waiting:
            self._connect(client, path)
        if not self._is_listening:
            self._listen(True)

    def _listen(self, on: bool) -> None:
        self._is_listening = on
        for fd in self._listeners:
            if on:
                self._poll.register(fd, _IN)
            else:
                self._poll.unregister(fd)

    def _accept(self, listener: socket.socket, path: str) -> None:
        for _ in range(_ACCEPTS):
            if not self._is_listening:
                return
            try:
                client, _ = listener.accept()
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._listen(False)
                return
            self._connect(client, path)

    def _connect(self, client: socket.socket, path: str) -> None:
        """Connect to the server, now or later; where it is absent the program's connection is closed."""
        server = None
        try:
            server = socket.socket(socket.AF_UNIX)
            server.setblocking(False)
            server.connect(path)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            if server is not None:
                server.close()
            if error.errno == errno.EAGAIN or error.errno in _EXHAUSTED:
                self._unconnected.append((client, path))
            else:
                client.close()
            return
        first, second = End(client, is_client=True), End(server, is_client=False)
        first.other, second.other = second, first
        for end in (first, second):
            self._ends[end.socket.fileno()] = end
            self._watch(end)

    def _handle(self, end: End, events: int) -> None:
        try:
            if end.events & _OUT and events & ~_IN:
                end.send()
            if end.events & _IN and events & ~_OUT:
                end.receive()
        except OSError:
            self._close(end)
            return
        if end.reading or end.other.reading or end.pending or end.other.pending:
            self._watch(end)
            self._watch(end.other)
        else:
            self._close(end)

    def _watch(self, end: End) -> None:
        """Register what the end waits for: one that waits for nothing is not registered, or a hang-up would spin."""
        wanted, fd = end.wanted(), end.socket.fileno()
        if wanted == end.events:
            return
        if not end.events:
            self._poll.register(fd, wanted)
        elif wanted:
            self._poll.modify(fd, wanted)
        else:
            self._poll.unregister(fd)
        end.events = wanted

    def _close(self, end: End) -> None:
        for each in (end, end.other):
            del self._ends[each.socket.fileno()]
            each.socket.close()


def daemonize() -> bool:
    """Fork an orphan in a session of its own without the caller's descriptors; True in it, False in the caller."""
    child = os.fork()
    if child:
        if os.waitpid(child, 0)[1]:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return False
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the program may still need the server when it is asked to end
    return True


def close_all_but(kept: set[int]) -> None:
    """Close every descriptor but those; the standard ones become `/dev/null`."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    edges = [2, *sorted(kept), os.sysconf("SC_OPEN_MAX")]
    for below, above in zip(edges, edges[1:]):  # noqa: B905, RUF007 — Python 3.9
        os.closerange(below + 1, above)


def listen(port: int) -> socket.socket:
    """A listening socket on the loopback of this network namespace. Raises `OSError`."""
    return socket.create_server(("127.0.0.1", port), backlog=_BACKLOG)


def main(arguments: list[str]) -> None:
    """Listen, fork the forwarder, execute the program."""
    split = arguments.index("--")
    pairs, argv = arguments[:split], arguments[split + 1 :]
    try:
        listeners = {listen(int(port)): path for port, path in zip(pairs[::2], pairs[1::2])}  # noqa: B905 — 3.9
        for listener in listeners:
            listener.setblocking(False)
        if daemonize():
            close_all_but({listener.fileno() for listener in listeners})
            Forwarder(listeners).run()
    except OSError as error:
        os.write(2, f"sandbox forwarder: {error.strerror}\n".encode())
        os._exit(126)
    # Python ignores them, and what is ignored stays ignored in the program.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 — a list, never a shell
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode(errors="replace"))
    os._exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])
