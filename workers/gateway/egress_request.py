"""Head of a request to the egress proxy: `CONNECT host:port`, or a method with an absolute `http://` URL."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from workers.hosts import normalized, split_port

_HOP_BY_HOP = (b"connection", b"keep-alive", b"upgrade", b"host")
"""Headers of one connection, which the proxy replaces; with them go all that begin with `Proxy-`."""


class BadRequestError(ValueError):
    """The request is none that this proxy serves; the message is the reason in a few words."""


@dataclass(frozen=True)
class EgressRequest:
    """A request, as far as the proxy reads it; a body follows as it is."""

    method: bytes
    host: str
    """In the form of `workers.hosts.normalized`."""
    port: int
    path: bytes = b""
    """Path and query; of no use in a tunnel."""
    headers: tuple[bytes, ...] = ()
    """Header lines without those of the connection to this proxy."""

    @property
    def is_tunnel(self) -> bool:
        """Whether the client asked for a tunnel (CONNECT)."""
        return self.method == b"CONNECT"

    @property
    def authority(self) -> str:
        """`host:port` as a URL holds it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def head(self, *, to_proxy: bytes | None = None) -> bytes:
        """The request's head for the origin, or, with that proxy's own headers, for the next proxy.

        The connection carries this one request: `Connection: close` makes the origin end it.
        """
        target = self.path if to_proxy is None else b"http://" + self.authority.encode() + self.path
        host = self.authority.removesuffix(":80").encode()
        lines = [
            b"%b %b HTTP/1.1" % (self.method, target),
            b"Host: " + host,
            *self.headers,
            b"Connection: close",
        ]
        return b"\r\n".join(lines) + b"\r\n" + (to_proxy or b"") + b"\r\n"


def parse_request(head: bytes) -> EgressRequest:
    """The request of a head, which ends with an empty line. Raises `BadRequestError`."""
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    words = first.split(b" ")
    if len(words) != 3 or not words[0].isalpha() or not words[2].startswith(b"HTTP/1."):
        raise BadRequestError("no HTTP/1 request")
    method, target, _ = words
    try:
        if method == b"CONNECT":
            host, port = split_port(target.decode("ascii"))
            if port is None:
                raise BadRequestError("CONNECT without a port")
            return EgressRequest(method, normalized(host), port)
        url = urlsplit(target.decode("ascii"))
        host, port = url.hostname or "", url.port or 80
        if url.scheme != "http":
            raise BadRequestError("only CONNECT and absolute http:// addresses are served")
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        return EgressRequest(method, normalized(host), port, path.encode(), tuple(filter(_is_kept, lines)))
    except BadRequestError:
        raise
    except ValueError:
        raise BadRequestError("no valid host") from None


def _is_kept(line: bytes) -> bool:
    name = line.partition(b":")[0].strip().lower()
    return name not in _HOP_BY_HOP and not name.startswith(b"proxy-")
