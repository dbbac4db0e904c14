"""One metered call: sent to the provider with retries and backoff, its response streamed through and tallied."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from workers.gateway import failures
from workers.gateway.calls import ModelCall
from workers.gateway.limits import RateLimits
from workers.gateway.pass_through import read_at_most
from workers.gateway.sse import EventParser
from workers.gateway.transcript import CUT_MARK, MAX_EVENTS_BYTES
from workers.gateway.upstream import response_headers
from workers.gateway.usage import UsageTally

MAX_ERROR_BYTES: Final = 64 * 1024
_CONNECT_SECONDS: Final = 30.0
_BROKEN: Final = (aiohttp.ClientError, TimeoutError, ConnectionError)


class ProviderFailedError(Exception):
    """The provider's error after the patience, or one that no retry mends."""

    def __init__(
        self, message: str, status: int = 502, body: bytes = b"", *, is_charged: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        """What the provider answered, for the program; empty where it answered nothing."""
        self.is_charged = is_charged
        """Whether the provider may charge for it all the same: it was working and gave no answer in time."""


class RefusedByProviderError(Exception):
    """The provider refused the request itself; the program may react to it."""

    def __init__(self, status: int, body: bytes, headers: CIMultiDict[str]) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body
        self.headers = headers


class EarlyError(Exception):
    """An error event before anything was passed on: the call can be sent again."""


@dataclass
class ForwardedAnswer:
    """A response that was passed on to the program."""

    tally: UsageTally
    response: web.StreamResponse
    body: bytearray = field(default_factory=bytearray)
    """For the transcript, at most `MAX_EVENTS_BYTES`."""
    content_type: str = ""
    is_cut: bool = False
    """Whether its stream broke, or ended without the end of its message."""


@dataclass
class Exchange:
    """What the attempts of one call share."""

    session: aiohttp.ClientSession
    request: web.BaseRequest
    call: ModelCall
    url: URL
    headers: dict[str, str]
    data: bytes
    limits: RateLimits
    bucket: str
    input_tokens: int
    patience_seconds: float
    stall_seconds: float
    is_own_model: bool
    note_wait: Callable[[float, float, str | None], None]
    """Called with begin and end of a wait, and the provider's failure where there was one."""
    in_flight: bool = False
    """Whether the provider works on the call, and may charge for it."""

    async def run(self) -> ForwardedAnswer:
        """Send the call until it is answered.

        Raises: `ProviderFailedError` and `RefusedByProviderError`; nothing was passed on to the program then.
        """
        waited = 0.0
        attempt = 0
        while True:
            waited += await self._wait_for_room(waited)
            started = time.monotonic()
            attempt += 1
            headers: dict[str, str] = {}
            self.in_flight = True
            try:
                async with self._post() as response:
                    headers = {name.lower(): value for name, value in response.headers.items()}
                    self.limits.note(self.bucket, headers, time.time())
                    if response.status < 400:
                        return await self._passed_on(response)
                    message, status, body = await self._error(response)
            except EarlyError as error:
                message, status, body = str(error), 529, b""
            except aiohttp.SocketTimeoutError as error:
                message, status, body = f"no byte for {self._silence():.0f} s", 502, b""
                if not self.call.is_stream:  # it may be working, and would be charged for each attempt
                    self.note_wait(started, time.monotonic(), message)
                    raise ProviderFailedError(message, is_charged=True) from error
            except _BROKEN as error:
                message, status, body = f"{type(error).__name__}: {error}", 502, b""
            self.in_flight = False
            pause = failures.delay(attempt, headers, time.time())
            now = time.monotonic()
            lost = now - started
            if waited + lost + pause > self.patience_seconds:
                self.note_wait(started, now, message)
                raise ProviderFailedError(
                    f"{message} (after {attempt} attempts in {waited + lost:.0f} s)", status, body
                )
            if status in (429, 529):
                self.limits.note(self.bucket, {}, time.time(), closed_for=pause)
            self.note_wait(started, now + pause, message)
            await asyncio.sleep(pause)
            waited += lost + pause

    async def _wait_for_room(self, waited: float) -> float:
        """Wait until the rate limits have room; returns the seconds. Raises `ProviderFailedError` after it."""
        started = time.monotonic()
        while (pause := self.limits.take(self.bucket, self.input_tokens, time.time())) > 0:
            begun = time.monotonic()
            if waited + begun - started > self.patience_seconds:
                raise ProviderFailedError(f"the provider's rate limit leaves no room for {pause:.0f} s", 429)
            pause = min(pause, 1.0)
            self.note_wait(begun, begun + pause, "rate limit")
            await asyncio.sleep(pause)
        return time.monotonic() - started

    def _silence(self) -> float:
        """Seconds without a byte after which an attempt has failed; an answer in one piece comes after all its work."""
        return self.stall_seconds if self.call.is_stream else max(self.stall_seconds, self.patience_seconds)

    def _post(self) -> Any:
        timeout = aiohttp.ClientTimeout(
            total=None, connect=_CONNECT_SECONDS, sock_connect=_CONNECT_SECONDS, sock_read=self._silence()
        )
        return self.session.post(
            self.url, data=self.data, headers=self.headers, timeout=timeout, allow_redirects=False
        )

    async def _error(self, response: aiohttp.ClientResponse) -> tuple[str, int, bytes]:
        """The provider's error where a retry may help. Raises for every other."""
        body = await read_at_most(response, MAX_ERROR_BYTES)
        words = _message(body.decode("utf-8", "replace"))
        message = f"HTTP {response.status}: {words}"
        match failures.verdict(response.status, words, is_own_model=self.is_own_model):
            case "retry":
                return message, response.status, body
            case "provider":
                raise ProviderFailedError(message, response.status, body)
            case _:
                raise RefusedByProviderError(response.status, body, response_headers(response.headers))

    async def _passed_on(self, upstream: aiohttp.ClientResponse) -> ForwardedAnswer:
        """Pass the response on as it comes. Raises `EarlyError` and connection errors before its first byte."""
        is_stream = upstream.content_type == "text/event-stream"
        response = web.StreamResponse(status=upstream.status, headers=response_headers(upstream.headers))
        answer = ForwardedAnswer(UsageTally(self.call.kind), response, content_type=upstream.content_type)
        if not is_stream:
            return await self._whole(upstream, answer)
        parser, program = EventParser(), _Program(self.request, response)
        try:
            async for chunk in upstream.content.iter_any():
                _keep(answer, chunk)
                for event in parser.feed(chunk):
                    answer.tally.feed(event)
                if answer.tally.error and answer.tally.events == 1 and not program.has_started:
                    raise EarlyError(answer.tally.error)
                await program.write(chunk)
        except _BROKEN:
            if not program.has_started:
                raise
            answer.is_cut = True
            program.abort()
        for event in parser.close():
            answer.tally.feed(event)
        answer.is_cut = answer.is_cut or not answer.tally.is_complete or bool(answer.tally.error)
        await program.end()
        return answer

    async def _whole(self, upstream: aiohttp.ClientResponse, answer: ForwardedAnswer) -> ForwardedAnswer:
        """Pass a response on in one piece; one that breaks off after its first byte may have been charged."""
        program, is_broken = _Program(self.request, answer.response), False
        try:
            async for chunk in upstream.content.iter_any():
                answer.body += chunk
        except _BROKEN:
            if not answer.body:
                raise
            answer.is_cut = is_broken = True
        try:
            answer.tally.add(json.loads(bytes(answer.body)))
        except (ValueError, RecursionError):
            answer.is_cut = True
        answer.is_cut = answer.is_cut or not answer.tally.is_complete
        await program.write(bytes(answer.body))
        if is_broken:
            program.abort()
        await program.end()
        return answer


class _Program:
    """The program's end of the response. Where it has gone away, the provider's answer is still read to its end."""

    def __init__(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        self._request = request
        self._response = response
        self._is_gone = False
        self.has_started = False

    async def write(self, chunk: bytes) -> None:
        if not self.has_started:
            self.has_started = True
            await self._try(lambda: self._response.prepare(self._request))
        await self._try(lambda: self._response.write(chunk))

    async def end(self) -> None:
        if self.has_started:
            await self._try(self._response.write_eof)

    def abort(self) -> None:
        """Break the connection, so that the program sees a broken response, too."""
        self._is_gone = True
        if self._request.transport is not None:
            self._request.transport.abort()

    async def _try(self, send: Callable[[], Awaitable[object]]) -> None:
        if self._is_gone:
            return
        try:
            await send()
        except (ConnectionError, aiohttp.ClientError):
            self._is_gone = True


def _keep(answer: ForwardedAnswer, chunk: bytes) -> None:
    room = MAX_EVENTS_BYTES - len(answer.body)
    if room > 0:
        answer.body += chunk[:room]
        if len(chunk) > room:
            answer.body += CUT_MARK.encode()


def _message(text: str) -> str:
    """The message inside an error body, or its start."""
    try:
        document = json.loads(text)
        error = document.get("error", document)
        words = error.get("message") if isinstance(error, dict) else error
    except (ValueError, AttributeError, RecursionError):
        words = None
    return " ".join(str(words or text).split())[:300]
