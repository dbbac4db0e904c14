"""JSON-RPC over HTTP: a POST of a request or batch to `/`; the body of the response is the answer. GET `/metrics`."""

import ipaddress
import socket
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

from planner.errors import PlannerError
from planner.serving import rpc
from planner.serving.endpoints import BUSY, MAX_FRAME, DeadlineHandler, Endpoint
from planner.serving.service import Service

IDLE_SECONDS: Final = 60
_BODY: Final = "application/json"
_TEXT: Final = "text/plain; charset=utf-8"


class _Post(DeadlineHandler, BaseHTTPRequestHandler):
    server: "HttpEndpoint"
    protocol_version = "HTTP/1.1"
    server_version = "planner"
    sys_version = ""
    idle_seconds = IDLE_SECONDS
    # Headers and body are two small packets; the second must not wait for an acknowledgement of the first.
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer the request in the body."""
        refused = self._refused()
        if refused is not None:
            self._send(*refused, close=True)
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if len(body) < int(self.headers["Content-Length"]):
            self.close_connection = True
            return
        is_open, response = self.answer(body)
        if not is_open:
            self.close_connection = True
            return
        self._send(HTTPStatus.NO_CONTENT if response is None else HTTPStatus.OK, response or b"")

    def do_GET(self) -> None:
        """Answer a scrape."""
        if not self.server.knows(self.headers.get("Host", "")):
            self._send(HTTPStatus.FORBIDDEN, b"the Host header names another machine\n", True, _TEXT)
        elif self.path.partition("?")[0] != "/metrics":
            self._send(HTTPStatus.NOT_FOUND, b"get /metrics, or post to /\n", True, _TEXT)
        else:
            self._send_metrics()

    def _send_metrics(self) -> None:
        from planner.serving.exposition import CONTENT_TYPE, exposition

        try:
            body = exposition(self.server.service)
        except PlannerError as error:
            self._send(HTTPStatus.NOT_IMPLEMENTED, f"{error}\n".encode(), True, _TEXT)
            return
        self._send(HTTPStatus.OK, body, kind=CONTENT_TYPE)

    def _refused(self) -> tuple[HTTPStatus, bytes] | None:
        """The error response to a request that is refused before its body is read; None for one that is accepted.

        The checks of Content-Type and Host stop cross-site requests and DNS rebinding: a web page in a browser can
        post to this machine as well.
        """
        length = self.headers.get("Content-Length", "")
        if not self.server.knows(self.headers.get("Host", "")):
            return HTTPStatus.FORBIDDEN, _failed(rpc.INVALID_REQUEST, "the Host header names another machine")
        if self.path != "/":
            return HTTPStatus.NOT_FOUND, _failed(rpc.INVALID_REQUEST, "post to /")
        if self.headers.get_content_type() != _BODY:
            return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, _failed(rpc.INVALID_REQUEST, f"send {_BODY}")
        if not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
            return HTTPStatus.LENGTH_REQUIRED, _failed(rpc.INVALID_REQUEST, "send a Content-Length")
        if len(length) > len(str(MAX_FRAME)) or int(length) > MAX_FRAME:
            problem = f"a body has at most {MAX_FRAME} bytes"
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _failed(rpc.TOO_LARGE, problem)
        return None

    def handle_expect_100(self) -> bool:
        """Send `100 Continue` only for an accepted request."""
        refused = self._refused()
        if refused is None:
            return super().handle_expect_100()
        self._send(*refused, close=True)
        return False

    def _send(self, status: HTTPStatus, body: bytes, close: bool = False, kind: str = _BODY) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status is not HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(body)))
        if close:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """No access log."""


class HttpEndpoint(Endpoint):
    """HTTP listener on `host:port`, a loopback address unless `allow_remote`.

    Raises `PlannerError` for another address, an unknown host, and a port that is in use.
    """

    busy = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\n" + (
        b"Content-Length: %d\r\n\r\n%b" % (len(BUSY), BUSY)
    )

    def __init__(self, host: str, port: int, service: Service, allow_remote: bool = False) -> None:
        self.service = service
        self._remote = allow_remote
        family, address = _resolved(host, port)
        if not allow_remote and not ipaddress.ip_address(address[0]).is_loopback:
            raise PlannerError(
                f"--http {host}:{port}: other machines could reach it, and it has no authentication; "
                "use 127.0.0.1, or allow it with --allow-remote"
            )
        self.address_family = family
        try:
            super().__init__(address, _Post)
        except OSError as error:
            raise PlannerError(
                f"--http {host}:{port}: cannot listen there: {error.strerror or error}"
            ) from None

    def knows(self, host: str) -> bool:
        """Whether a Host header names this server."""
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        return self._remote or name in ("localhost", "127.0.0.1", "[::1]", str(self.server_address[0]))

    def __str__(self) -> str:
        host, port = self.server_address[:2]
        return f"http://{f'[{host!s}]' if ':' in str(host) else host!s}:{port}"


def _failed(code: int, problem: str) -> bytes:
    return rpc.encode(rpc.failure(None, rpc.RpcError(code, problem)))


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise PlannerError(
            f"--http {host}:{port}: no such host: {getattr(error, 'strerror', error)}"
        ) from None
    return family, (str(address[0]), int(address[1]))
