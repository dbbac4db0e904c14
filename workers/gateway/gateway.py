"""Gateway of a worker process: opens doors for candidates, and serves their calls in a background event loop."""

import asyncio
import atexit
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import aiohttp
from aiohttp import web

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

MAX_REQUEST_BYTES: Final = 64 * 1024 * 1024
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

    def bill(self) -> Bill:
        """A snapshot of its account; callable from any thread."""
        return self.open.account.bill

    def settled_bill(self) -> Bill:
        """The bill once the calls of an ended program are settled: they end by themselves, or are cancelled."""
        background_loop().run(settle_running(self.open), DRAIN_SECONDS + _OPEN_SECONDS)
        return self.bill()


@dataclass
class Gateway:
    """Doors to model providers, with the real keys on this side."""

    keys: Mapping[str, str] = field(repr=False)
    """By the name of their variable."""
    limits_directory: Path
    redact: Callable[[bytes], bytes] = field(default=bytes, repr=False)
    _doors: dict[str, OpenDoor] = field(default_factory=dict, repr=False)
    _session: aiohttp.ClientSession | None = field(default=None, repr=False)
    _runner: web.AppRunner | None = field(default=None, repr=False)

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
            site, port = background.run(self._listen(opened, path), _OPEN_SECONDS)
            try:
                yield Door(opened, path, port)
            finally:
                background.run(self._close(opened, site), DRAIN_SECONDS + _OPEN_SECONDS)
                if transcript is not None:
                    transcript.close()

    def close(self) -> None:
        """Close the connections to providers; idempotent. Doors must be closed before."""
        if self._runner is not None:
            background_loop().run(self._stopped(), _OPEN_SECONDS)
        atexit.unregister(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _stopped(self) -> None:
        runner, session = self._runner, self._session
        self._runner = self._session = None
        if runner is not None and session is not None:
            await runner.cleanup()
            await session.close()

    async def _listen(self, door: OpenDoor, path: Path | None) -> tuple[web.BaseSite, int]:
        runner = await self._started()
        self._doors[door.token] = door
        site: web.BaseSite
        if path is not None:
            site = web.UnixSite(runner, str(path))
            await site.start()
            path.chmod(0o666)  # its directory is private, and the sandbox may have another user
            return site, PORT
        listener = socket.create_server(("127.0.0.1", 0))
        site = web.SockSite(runner, listener)
        await site.start()
        return site, listener.getsockname()[1]

    async def _started(self) -> web.AppRunner:
        if self._runner is None:
            application = web.Application(client_max_size=MAX_REQUEST_BYTES)
            application.router.add_route("*", "/{path:.*}", self._handle)
            self._runner = web.AppRunner(application, access_log=None, keepalive_timeout=75)
            await self._runner.setup()
            atexit.register(self.close)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar(), trust_env=True
            )
        return self._runner

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        door = self._doors.get(token_of(request.headers, request.query))
        if door is None or self._session is None:
            return web.json_response({"error": {"message": "unknown key", "type": "auth"}}, status=401)
        return await serve_call(door, request, self._session, self.keys, self.limits)

    @property
    def limits(self) -> RateLimits:
        """The rate limits of this machine."""
        return RateLimits(self.limits_directory)

    async def _close(self, door: OpenDoor, site: web.BaseSite) -> None:
        """Take no further call, and settle the running ones."""
        self._doors.pop(door.token, None)
        await settle_running(door)
        with suppress(RuntimeError):
            await site.stop()


async def settle_running(door: OpenDoor) -> None:
    """Wait for the running calls to end, and cancel those that do not in time; each settles."""
    running = set(door.running)
    if not running:
        return
    _, late = await asyncio.wait(running, timeout=DRAIN_SECONDS)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=_CANCEL_SECONDS)
