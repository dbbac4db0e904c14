"""The embedded message broker: a Valkey daemon on a Unix socket, with a password and without persistence."""

import os
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from bench.embedded.binaries import broker_program
from bench.embedded.errors import EmbeddedError
from bench.embedded.paths import FarmPaths
from bench.embedded.processes import Daemon, end, wait_until
from bench.embedded.sockets import listener

# It holds doorbells only; a full one refuses writes instead of exhausting the machine's memory. A process title would
# overwrite the environment variables that identify the process as this farm's.
_CONFIG = """
port 0
unixsocket {socket}
unixsocketperm 700
requirepass {password}
save ""
appendonly no
maxmemory 256mb
maxmemory-policy noeviction
dir {directory}
daemonize no
set-proc-title no
"""
_START_SECONDS = 60.0
_STOP_SECONDS = 5.0


@dataclass(frozen=True)
class Broker:
    """One broker of one farm. Every method but `url` and `daemon` is called under the farm's lock."""

    paths: FarmPaths
    password: str

    @property
    def daemon(self) -> Daemon:
        """The daemon, with its pid file and log."""
        return Daemon("broker", self.paths.run / "broker.json", self.paths.logs / "broker.log")

    @property
    def socket(self) -> Path:
        """The path of the Unix socket."""
        return self.paths.sockets / "broker.sock"

    def url(self) -> str:
        """The broker's URL for Celery."""
        return f"redis+socket://:{quote(self.password, safe='')}@{quote(str(self.socket))}?virtual_host=0"

    def ensure(self) -> None:
        """Start the server unless it runs and answers; idempotent. Remains of an earlier one are removed.

        Raises: `EmbeddedError` where it does not start.
        """
        if self.daemon.is_ready and self.daemon.process() is not None and listener(self.socket) > 0:
            return
        self.stop()
        program = broker_program()
        since = self.daemon.log_size()
        # An argument would show the password in the process list.
        config = self.paths.run / "broker.conf"
        config.unlink(missing_ok=True)
        config.touch(mode=0o600)
        config.write_text(
            _CONFIG.format(socket=self.socket, password=self.password, directory=self.paths.sockets),
            encoding="utf-8",
        )
        self.daemon.start(
            [program, str(config)], {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}, Path("/")
        )
        wait_until(lambda: self.answers() or self.daemon.process() is None, _START_SECONDS)
        if not self.answers():
            self.stop()
            raise EmbeddedError(
                f"the broker does not start: {self.daemon.last_words(since)} (see {self.daemon.log})"
            )
        self.daemon.mark_ready()

    def answers(self) -> bool:
        """Whether the server behind the socket answers to this farm's password."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.settimeout(2)
                probe.connect(str(self.socket))
                probe.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                with probe.makefile("rb") as replies:
                    return [replies.readline(), replies.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        except OSError:
            return False

    def stop(self) -> None:
        """Stop the server, also one without a pid file, and remove its socket."""
        self.daemon.stop(_STOP_SECONDS)
        pid = listener(self.socket)
        if pid > 0:
            with suppress(psutil.NoSuchProcess):
                end(psutil.Process(pid), _STOP_SECONDS, (signal.SIGTERM,))
        self.socket.unlink(missing_ok=True)
