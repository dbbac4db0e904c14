"""Gateway of a worker process: opens doors for candidates, and serves their calls in a background event loop."""

import asyncio
import atexit
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from workers.gateway.account import DoorAccount
from workers.gateway.background import background_loop
from workers.gateway.door import PORT, Bill, DoorSpec
from workers.gateway.limits import RateLimits
from workers.gateway.providers import ProviderEndpoint, provider_named
from workers.gateway.replay import Replay
from workers.gateway.service import OpenDoor, serve_call
from workers.gateway.transcript import TranscriptWriter
from workers.gateway.upstream import token_of
from workers.sandbox.doors import door_directory
from workers.sandbox.program import DoorMount

MAX_REQUEST_BYTES: Final = 32 * 1024 * 1024
MAX_CONNECTIONS: Final = 128
"""Of one candidate at the same time."""
DRAIN_SECONDS: Final = 10.0
"""How long running calls of a closed door may still end, so that their usage is known."""
_OPEN_SECONDS: Final = 30.0
_CANCEL_SECONDS: Final = 5.0


@dataclass
class Door:
    """The door of one candidate; a context manager of `Gateway.open_door` closes it."""

    open: OpenDoor
    socket: Path | None
    """The Unix socket to bind into the workcell; None where it listens on `port` of the machine's loopback."""
    port: int

    def endpoint(self, provider: str) -> ProviderEndpoint:
        """Address and key of a provider for a program in the workcell."""
        named = provider_named(provider)
        return ProviderEndpoint(named.name, f"http://127.0.0.1:{self.port}{named.mount}", self.open.token)

    @property
    def mounts(self) -> tuple[DoorMount, ...]:
        """What the sandbox of the candidate's programs must forward to."""
        return () if self.socket is None else (DoorMount(self.socket, self.port),)

    def begin_round(self) -> Bill:
        """The bill before a round: how the last call of an earlier round ended is no result of this one."""
        background_loop().run(_begin_round(self.open), _OPEN_SECONDS)
        return self.bill()

    def bill(self) -> Bill:
        """A snapshot of its account; callable from any thread."""
        return self.open.account.bill

    def settled_bill(self) -> Bill:
        """The bill once the calls of an ended program are settled: they end by themselves, or are cancelled."""
        try:
            background_loop().run(settle_running(self.open), DRAIN_SECONDS + _OPEN_SECONDS)
        except TimeoutError:  # this process is too busy: what is held may be spent
            bill = self.bill()
            return replace(bill, micro_usd=bill.micro_usd + bill.held_micro_usd, upper_bound=True)
        return self.bill()


@dataclass
class Gateway:
    """Doors to model providers, with the real keys on this side."""

    keys: Mapping[str, str] = field(repr=False)
    """By the name of their variable."""
    limits_directory: Path
    """Of the rate limits that the processes of this machine share; made where it is missing."""
    redact: Callable[[bytes], bytes] = field(default=bytes, repr=False)
    _session: aiohttp.ClientSession | None = field(default=None, repr=False)
    _limits: RateLimits = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._limits = RateLimits(self.limits_directory)

    @contextmanager
    def open_door(self, spec: DoorSpec, *, tcp: bool = False) -> Iterator[Door]:
        """A door for one candidate, closed at the end with its bill settled.

        Args:
            tcp: listen on the machine's loopback, for a sandbox without a network namespace of its own.

        Raises: `WorkerError` where a replay cannot be read; `OSError` where no socket can be made.
        """
        background = background_loop()
        with door_directory() as directory:
            replay = None if spec.replay is None else Replay(spec.replay)
            transcript = None if spec.transcript is None else TranscriptWriter(spec.transcript, self.redact)
            token = f"sk-bench-{secrets.token_urlsafe(32)}"
            opened = OpenDoor(spec, token, DoorAccount(spec.budget_micro_usd), replay, transcript)
            path = None if tcp else directory / "door.sock"
            server, port = background.run(self._listen(opened, path), _OPEN_SECONDS)
            try:
                yield Door(opened, path, port)
            finally:
                background.run(self._close(opened, server), DRAIN_SECONDS + _OPEN_SECONDS)
                if transcript is not None:
                    transcript.close()

    def close(self) -> None:
        """Close the connections to providers; idempotent. Doors must be closed before."""
        session, self._session = self._session, None
        if session is not None:
            background_loop().run(session.close(), _OPEN_SECONDS)
        atexit.unregister(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _listen(self, door: OpenDoor, path: Path | None) -> tuple["_DoorServer", int]:
        server = _DoorServer(partial(self._handle, door))
        if path is not None:
            await server.listen(str(path))
            path.chmod(0o666)  # its directory is private, and the sandbox may have another user
            return server, PORT
        return server, await server.listen(None)

    def _client(self) -> aiohttp.ClientSession:
        """The connections to providers, shared by all doors."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar(), trust_env=True
            )
            atexit.register(self.close)
        return self._session

    async def _handle(self, door: OpenDoor, request: web.BaseRequest) -> web.StreamResponse:
        if not secrets.compare_digest(token_of(request.headers, request.query).encode(), door.token.encode()):
            return web.json_response({"error": {"message": "unknown key", "type": "auth"}}, status=401)
        return await serve_call(door, request, self._client(), self.keys, self._limits)

    async def _close(self, door: OpenDoor, server: "_DoorServer") -> None:
        """Take no further call, and settle the running ones."""
        server.stop()
        await settle_running(door)
        await server.shutdown(_CANCEL_SECONDS)


class _DoorServer(web.Server):
    """HTTP server of one door, with a limit on its open connections: each takes a descriptor of the worker."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        super().__init__(
            handler,
            request_factory=_request,
            access_log=None,
            keepalive_timeout=75,
            handler_cancellation=True,  # a request whose program has gone waits for nothing
        )
        self._listener: asyncio.Server | None = None

    async def listen(self, path: str | None) -> int:
        """Listen on a Unix socket, or on a free port of the loopback; returns the port, 0 for a socket."""
        loop = asyncio.get_running_loop()
        if path is not None:
            self._listener = await loop.create_unix_server(self, path)
            return 0
        self._listener = await loop.create_server(self, "127.0.0.1", 0)
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Drop a connection beyond the limit."""
        super().connection_made(handler, transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()

    def stop(self) -> None:
        """Accept no further connection."""
        if self._listener is not None:
            self._listener.close()


def _request(
    message: Any, payload: Any, protocol: Any, writer: Any, task: "asyncio.Task[None]"
) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_REQUEST_BYTES)


async def _begin_round(door: OpenDoor) -> None:
    door.is_accepting = True
    door.account.begin_round()


async def settle_running(door: OpenDoor) -> None:
    """Accept no further call, wait for the running ones, and cancel those that do not end in time; each settles."""
    door.is_accepting = False
    if door.running:
        _, late = await asyncio.wait(set(door.running), timeout=DRAIN_SECONDS)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=_CANCEL_SECONDS)
