"""HTTP endpoint of the metrics of a farm: in the page, or on a port of its own beside the coordinator."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import sqlalchemy as sa
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from bench.errors import BenchError
from bench.metrics.collector import FarmCollector
from db.engine import open_engine
from db.read_only import limit_statements

CONTENT_TYPE = CONTENT_TYPE_LATEST
_STATEMENT_SECONDS = 10.0


def exposition(engine: sa.Engine) -> bytes:
    """All metrics in the text format of Prometheus."""
    registry = CollectorRegistry()
    registry.register(FarmCollector(engine))
    return generate_latest(registry)


@contextmanager
def metrics_server(address: str, database_url: str) -> Iterator[int]:
    """Serve `/metrics` on HOST:PORT while the block runs, with connections of its own. Returns the port.

    Raises `BenchError` where the address is malformed or in use.
    """
    engine = open_engine(database_url, "bench metrics", 1)
    limit_statements(engine, _STATEMENT_SECONDS)

    class Handler(BaseHTTPRequestHandler):
        """Answers scrapes."""

        def do_GET(self) -> None:
            """Write the metrics."""
            if self.path.partition("?")[0] != "/metrics":
                self.send_error(404)
                return
            body = exposition(engine)
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a scrape every few seconds is no news."""

    host, port = _host_and_port(address)
    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        engine.dispose()
        raise BenchError(f"cannot serve metrics on {address}: {error.strerror or error}") from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        engine.dispose()


def _host_and_port(address: str) -> tuple[str, int]:
    """`9109`, `:9109` and `HOST:9109`; without a host only this machine can connect."""
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise BenchError(f"{address!r} is no address for metrics; write HOST:PORT, such as 127.0.0.1:9109")
    return host or "127.0.0.1", int(port)
