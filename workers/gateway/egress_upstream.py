"""Chaining to the machine's own HTTP proxies, as `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name them.

A proxy resolves names itself. Those that resolve here to no admitted address are refused before it is asked; it
must be trusted not to lead back to this machine under a name that only it can resolve.
"""

import asyncio
import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

from workers.hosts import address_of, split_port

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_DEFAULT_PORTS = {"http": 80, "https": 443}


class UnsupportedProxyError(OSError):
    """The machine's proxy is of a kind that programs cannot be led through."""


class UpstreamFailedError(Exception):
    """The machine's proxy did not connect; the message is one line without its credential."""


@dataclass(frozen=True)
class UpstreamProxy:
    """One HTTP proxy of the machine."""

    host: str
    port: int
    is_tls: bool
    authorization: str | None = None
    """Value of `Proxy-Authorization`."""

    @classmethod
    def of(cls, url: str) -> "UpstreamProxy":
        """The proxy of a URL, `http://` by default. Raises `UnsupportedProxyError` for another kind, such as SOCKS."""
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise UnsupportedProxyError(
                f"the proxy in this machine's environment is no http:// or https:// address ({parts.scheme:.20}://…): "
                "programs are led through those only; set HTTPS_PROXY and HTTP_PROXY to one, or unset them"
            )
        user = None
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            user = f"Basic {base64.b64encode(pair.encode()).decode()}"
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        return cls(parts.hostname, port, parts.scheme == "https", user)

    def headers(self) -> bytes:
        """The headers that the proxy itself reads."""
        return f"Proxy-Authorization: {self.authorization}\r\n".encode() if self.authorization else b""

    async def connect(self) -> Stream:
        """A connection to the proxy. Raises `OSError`."""
        return await asyncio.open_connection(self.host, self.port, ssl=True if self.is_tls else None)

    async def tunnel(self, host: str, port: int) -> Stream:
        """A connection through the proxy to a host. Raises `OSError` and `UpstreamFailedError`."""
        reader, writer = await self.connect()
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            request = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n".encode()
            writer.write(request + self.headers() + b"\r\n")
            status = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n", 1)[0]
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.close()
            raise UpstreamFailedError("the machine's proxy ended the connection") from None
        except BaseException:
            writer.close()
            raise
        if status.split(b" ", 2)[1:2] != [b"200"]:
            writer.close()
            words = status.decode("ascii", "replace")[:80]
            raise UpstreamFailedError(f"the machine's proxy answered {words!r}")
        return reader, writer


@dataclass(frozen=True)
class Upstreams:
    """The proxies of a machine, by the scheme of what they lead to."""

    http: UpstreamProxy | None = None
    https: UpstreamProxy | None = None
    no_proxy: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Upstreams":
        """Those that variables name, in lower or upper case. Raises `UnsupportedProxyError`."""

        def proxy(*names: str) -> UpstreamProxy | None:
            values = (environment.get(each, "") for name in names for each in (name, name.upper()))
            url = next((value for value in values if value), "")
            return UpstreamProxy.of(url) if url else None

        no_proxy = environment.get("no_proxy") or environment.get("NO_PROXY", "")
        return cls(proxy("http_proxy", "all_proxy"), proxy("https_proxy", "all_proxy"), no_proxy)

    def for_host(self, scheme: Literal["http", "https"], host: str, port: int) -> UpstreamProxy | None:
        """The proxy that leads to a host; None where it is reached directly."""
        proxy = self.http if scheme == "http" else self.https
        return None if proxy is None or self._is_direct(host, port) else proxy

    def _is_direct(self, host: str, port: int) -> bool:
        patterns = (pattern.strip().lower() for pattern in self.no_proxy.split(","))
        return any(pattern == "*" or _matches(pattern, host, port) for pattern in patterns if pattern)


def _matches(pattern: str, host: str, port: int) -> bool:
    """Whether a pattern of `NO_PROXY` names a host: a name with all below it, an address, or a block of addresses."""
    address = address_of(host)
    try:
        if address is not None and "/" in pattern:
            return address in ipaddress.ip_network(pattern, strict=False)
        name, of_port = split_port(pattern)
    except ValueError:
        return False
    if of_port not in (None, port):
        return False
    if address is not None:
        return address_of(name) == address
    name = name.removeprefix("*").removeprefix(".")
    return host == name or host.endswith(f".{name}")
