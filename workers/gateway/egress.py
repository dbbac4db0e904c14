"""Egress proxy: the one route to the outside of a program in a network namespace of its own.

An HTTP proxy (CONNECT, and `http://` in absolute form) on a Unix socket, which `workers/sandbox/forward.py` offers
inside the sandbox as 127.0.0.1:8378. What it leads to is decided by `egress_rules`; a port of this machine's own
loopback that the list names is offered inside under the same number.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from workers.gateway.background import background_loop
from workers.gateway.egress_request import BadRequestError, EgressRequest, parse_request
from workers.gateway.egress_rules import EgressRefusedError, EgressRules, UnresolvedError
from workers.gateway.egress_upstream import UpstreamFailedError, UpstreamProxy, Upstreams
from workers.gateway.relay import Stream, relay
from workers.hosts import EGRESS_PORT, HostEntry
from workers.sandbox.doors import door_directory
from workers.sandbox.program import DoorMount

_HEAD_BYTES = 65536
_HEAD_SECONDS = 60.0
_CONNECT_SECONDS = 30.0
_IDLE_SECONDS = 900.0
_CONNECTIONS: Final = 512
"""Open at once; more are answered with 503. Together they hold at most about 256 MiB."""
_REFUSED_HOSTS: Final = 100
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_FURTHER_HOSTS = "further hosts"


class EgressProxy:
    """The proxy of one program: its rules, its connections, and the attempts that it refused."""

    def __init__(
        self, rules: EgressRules, upstreams: Upstreams, *, idle_seconds: float = _IDLE_SECONDS
    ) -> None:
        self._rules = rules
        self._upstreams = upstreams
        self._idle_seconds = idle_seconds
        self._refused: Counter[tuple[str, str]] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.AbstractServer] = []
        self.doors: tuple[DoorMount, ...] = ()
        """The proxy and the offered ports, as the sandbox mounts them."""

    def refused(self) -> tuple[str, ...]:
        """The refused attempts, the most frequent first: `host:port (3 times): reason`."""
        return tuple(
            f"{target} ({count} time{'s' if count > 1 else ''}): {reason}"
            for (target, reason), count in self._refused.most_common()
        )

    async def serve(self, directory: Path) -> None:
        """Listen on Unix sockets in a private directory."""
        doors = [await self._listen(directory / "egress", EGRESS_PORT, self._proxy)]
        offered = {entry.port: entry for entry in self._rules.entries if entry.is_loopback and entry.port}
        for port, entry in offered.items():
            doors.append(await self._listen(directory / str(port), port, self._offer(entry)))
        self.doors = tuple(doors)

    async def close(self) -> None:
        """Stop listening and end all connections."""
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self, path: Path, port: int, handle: Callable[[Stream], Awaitable[None]]) -> DoorMount:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            # A cancelled task that ends as such is reported by asyncio's streams as an error of the server.
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await handle((reader, writer))
            writer.close()
            self._tasks.discard(task)

        server = await asyncio.start_unix_server(connected, path, limit=_HEAD_BYTES, backlog=1024)
        self._servers.append(server)
        return DoorMount(path, port)

    def _offer(self, entry: HostEntry) -> Callable[[Stream], Awaitable[None]]:
        """A handler that leads to one port of this machine's loopback."""

        async def handle(client: Stream) -> None:
            assert entry.port is not None
            server = await asyncio.open_connection(entry.host, entry.port)
            await self._relay(client, server)

        return handle

    async def _proxy(self, client: Stream) -> None:
        """Answer one request; the connection carries no other."""
        if len(self._tasks) > _CONNECTIONS:
            return await _fail(client, 503, f"more than {_CONNECTIONS} connections")
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                request = parse_request(await client[0].readuntil(b"\r\n\r\n"))
        except BadRequestError as error:
            return await _fail(client, 400, str(error))
        except asyncio.LimitOverrunError:
            return await _fail(client, 431, "headers too large")
        except (asyncio.IncompleteReadError, TimeoutError):
            return None
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                server = await self._reach(request)
        except EgressRefusedError as refused:
            self._record(request.authority, str(refused))
            return await _fail(client, 403, str(refused))
        except (UnresolvedError, UpstreamFailedError) as error:
            return await _fail(client, 502, str(error))
        except TimeoutError:
            return await _fail(client, 504, "no connection in time")
        except OSError as error:
            return await _fail(client, 502, f"no connection: {error.strerror or error}")
        if request.is_tunnel:
            client[1].write(_ESTABLISHED)
        return await self._relay(client, server)

    async def _reach(self, request: EgressRequest) -> Stream:
        """A connection that leads to the host; outside of a tunnel the request's head is sent.

        A name that cannot be resolved here is left to the machine's proxy, where there is one.
        """
        upstream = self._upstreams.for_host(
            "https" if request.is_tunnel else "http", request.host, request.port
        )
        try:
            addresses = await self._rules.addresses(request.host, request.port)
        except UnresolvedError:
            if upstream is None:
                raise
        if upstream is not None:
            return await _reach_through(upstream, request)
        server = await _connect([str(address) for address in addresses], request.port)
        if not request.is_tunnel:
            server[1].write(request.head())
        return server

    async def _relay(self, client: Stream, server: Stream) -> None:
        try:
            await relay(client, server, self._idle_seconds)
        finally:
            server[1].close()

    def _record(self, target: str, reason: str) -> None:
        known = (target, reason)
        if known not in self._refused and len(self._refused) >= _REFUSED_HOSTS:
            known = (_FURTHER_HOSTS, reason)
        self._refused[known] += 1


async def _connect(addresses: Sequence[str], port: int) -> Stream:
    """The first of the addresses that accepts. Raises `OSError`."""
    failure: OSError = OSError("no address")
    for address in addresses:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS / len(addresses)):
                return await asyncio.open_connection(address, port)
        except OSError as error:  # a timeout is one
            failure = error
    raise failure


async def _reach_through(upstream: UpstreamProxy, request: EgressRequest) -> Stream:
    if request.is_tunnel:
        return await upstream.tunnel(request.host, request.port)
    server = await upstream.connect()
    server[1].write(request.head(to_proxy=upstream.headers()))
    return server


async def _fail(client: Stream, status: int, reason: str) -> None:
    """Answer with a status; the reason is in the status line too, which clients of a tunnel show."""
    body = f"egress: {reason}\n".encode()
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
    client[1].write(head.encode("ascii", "replace") + b"Connection: close\r\n\r\n" + body)
    await client[1].drain()


async def serve_egress(
    directory: Path, allow_list: Sequence[str], environment: Mapping[str, str]
) -> EgressProxy:
    """A proxy that listens in a private directory, until the caller closes it.

    `environment` may name proxies of the machine's own. Raises `ValueError` for an invalid list and
    `UnsupportedProxyError` for a proxy that is no HTTP proxy.
    """
    proxy = EgressProxy(EgressRules.of(allow_list), Upstreams.of(environment))
    await proxy.serve(directory)
    return proxy


@contextmanager
def open_egress(allow_list: Sequence[str], environment: Mapping[str, str]) -> Iterator[EgressProxy]:
    """A proxy in the background loop of this process, with sockets of its own. Raises as `serve_egress`."""
    loop = background_loop()
    with door_directory() as directory:
        proxy = loop.run(serve_egress(directory, allow_list, environment))
        try:
            yield proxy
        finally:
            loop.run(proxy.close())
