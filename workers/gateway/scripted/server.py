"""Scripted model server: an HTTP server on loopback, in a thread of its own, as a context manager."""

import itertools
import json
import re
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from workers.gateway.background import BackgroundLoop
from workers.gateway.providers import provider_named
from workers.gateway.scripted.acting import ScriptedModel, input_tokens, is_main
from workers.gateway.scripted.anthropic import AnthropicMessages
from workers.gateway.scripted.chat import ChatCompletions
from workers.gateway.scripted.edits import CALC, Replacement
from workers.gateway.scripted.failures import http_failure
from workers.gateway.scripted.gemini import GeminiContent
from workers.gateway.scripted.ledger import Served, ServedCalls, priced_call
from workers.gateway.scripted.messages import Json, ScriptedCall, ScriptedReply, WireFormat
from workers.gateway.scripted.prices import Tokens
from workers.gateway.scripted.responses import OpenAIResponses
from workers.gateway.scripted.scenarios import Break, Fault, scenario_of
from workers.gateway.scripted.sending import failure_response, send_stream, send_whole

LOOPBACK: Final = "127.0.0.1"
MODELS: Final = ("claude-sonnet-4-5", "claude-haiku-4-5", "gpt-5.2-codex", "gpt-5-mini", "gemini-2.5-pro")
"""What `GET …/models` lists; calls of any model are answered."""
_KEY_IN_PATH = re.compile(r"/(sk-lab-[^/]+)/")
_MAX_REQUEST_BYTES = 64 * 1024 * 1024
_START_SECONDS = 30.0


class ScriptedModels:
    """Context manager of the server; its scenario is chosen by each call's key.

    Args:
        ledger: a file to which each call is appended as JSON, for other processes.
        edits: what the model changes in the program's working directory.
        port: 0 takes a free one.
        stall_seconds: how long a response that stalls stays open.
    """

    def __init__(
        self,
        ledger: Path | None = None,
        *,
        edits: tuple[Replacement, ...] = CALC,
        port: int = 0,
        stall_seconds: float = 3600.0,
    ) -> None:
        self._calls = ServedCalls(ledger)
        self._handler = _Handler(self._calls, ScriptedModel(edits), stall_seconds)
        self._port = port
        self._background: BackgroundLoop | None = None
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The base URL, without a path."""
        return f"http://{LOOPBACK}:{self._port}"

    def base_url(self, provider: str, key: str | None = None) -> str:
        """The base URL in the convention of a provider's own clients; `key` goes before the keys of its calls."""
        url = self.url if key is None else f"{self.url}/{key}"
        return f"{url}/v1" if provider_named(provider).dialect == "openai" else url

    def served(self, key: str | None = None) -> list[Served]:
        """The model calls of a key, in order, those that failed included; None: of all keys."""
        return self._calls.of(key)

    def __enter__(self) -> Self:
        self._background = BackgroundLoop("scripted-models")
        try:
            self._port = self._background.run(self._start(), _START_SECONDS)
        except BaseException:
            self._background.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._background is not None and self._runner is not None:
            self._background.run(self._runner.cleanup(), _START_SECONDS)
            self._background.close()

    async def _start(self) -> int:
        application = web.Application(client_max_size=_MAX_REQUEST_BYTES)
        application.router.add_route("*", "/{path:.*}", self._handler.handle)
        # A response that stalls ends with its client, or with the server.
        self._runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, self._port).start()
        port: int = self._runner.addresses[0][1]
        return port


class _Handler:
    """Request handler: routes by the end of the path, so that a base URL may have any prefix."""

    def __init__(self, calls: ServedCalls, model: ScriptedModel, stall_seconds: float) -> None:
        self._calls = calls
        self._model = model
        self._stall_seconds = stall_seconds
        self._serials = itertools.count(1)
        self._main_calls: Counter[str] = Counter()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET" and request.path.endswith("/models"):
            return _models(request)
        wire = _wire(request.path) if request.method == "POST" else None
        if wire is None:
            return await _without_model(request)
        raw = await request.read()
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return failure_response(http_failure("bad_request", wire.name), wire.name)
        return await self._answer(request, wire, body, len(raw))

    async def _answer(
        self, request: web.Request, wire: WireFormat, body: Json, size: int
    ) -> web.StreamResponse:
        key, call = key_of(request), wire.read(body)
        scenario = scenario_of(key)
        if scenario is None:
            return self._fail(request, wire, call, "unauthorized")
        main = is_main(call)
        fault = self._fault(key, scenario.fault) if main else None
        if fault is not None and fault.how == "status":
            return self._fail(request, wire, call, fault.failure)
        tokens = input_tokens(size, call.turn, wire.has_cache_writes, main)
        reply = self._model.reply(call, scenario, next(self._serials), tokens)
        broken = None if fault is None else fault.how
        if broken == "error_event" and not call.is_stream:
            return self._fail(request, wire, call, "server_error")
        self._record(request, wire, call, reply, broken)
        if not call.is_stream:
            return await send_whole(request, wire, reply, broken, self._stall_seconds)
        return await send_stream(request, wire, reply, broken, self._stall_seconds)

    def _fault(self, key: str, fault: Fault | None) -> Fault | None:
        number = self._main_calls[key]
        self._main_calls[key] += 1
        return fault if fault is not None and fault.hits(number) else None

    def _fail(self, request: web.Request, wire: WireFormat, call: ScriptedCall, name: str) -> web.Response:
        failure = http_failure(name, wire.name)
        self._calls.add(
            Served(
                key_of(request),
                request.path,
                wire.name,
                call.model,
                failure.status,
                name,
                states_usage=False,
                max_output=call.max_output,
            )
        )
        return failure_response(failure, wire.name)

    def _record(
        self,
        request: web.Request,
        wire: WireFormat,
        call: ScriptedCall,
        reply: ScriptedReply,
        broken: Break | None,
    ) -> None:
        tokens = reply.tokens
        if broken is not None:
            tokens = Tokens(tokens.input, tokens.cached, tokens.cache_write, tokens.output // 2)
        served = Served(
            key_of(request),
            request.path,
            wire.name,
            call.model,
            200,
            broken or "answer",
            tokens,
            states_usage=broken is None and reply.states_usage,
            max_output=call.max_output,
        )
        self._calls.add(priced_call(served))


def key_of(request: web.Request) -> str:
    """The key of a request, in any of the four ways to give one; one in the base URL's path goes first.

    So one farm, whose worker has one key, can run every scenario: the base URL of a toolchain chooses it.
    """
    match = _KEY_IN_PATH.match(request.path)
    if match is not None:
        return match[1]
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    headers = (request.headers.get("x-api-key"), request.headers.get("x-goog-api-key"), bearer)
    return next((key for key in headers if key), request.query.get("key", ""))


def _wire(path: str) -> WireFormat | None:
    by_end: dict[str, WireFormat] = {
        "/messages": AnthropicMessages(),
        "/responses": OpenAIResponses(),
        "/chat/completions": ChatCompletions(),
        ":generateContent": GeminiContent(path),
        ":streamGenerateContent": GeminiContent(path),
    }
    return next((wire for end, wire in by_end.items() if path.endswith(end)), None)


async def _without_model(request: web.Request) -> web.Response:
    """Counts of tokens, which cost nothing; 404 for everything else."""
    size = len(await request.read())
    if request.path.endswith("/count_tokens"):
        return web.json_response({"input_tokens": input_tokens(size, 0, False, False).input})
    if request.path.endswith(":countTokens"):
        return web.json_response({"totalTokens": input_tokens(size, 0, False, False).input})
    error = {"message": f"no such endpoint: {request.path}", "type": "not_found_error"}
    return web.json_response({"error": error}, status=404)


def _models(request: web.Request) -> web.Response:
    if "/v1beta" in request.path:
        return web.json_response({"models": [{"name": f"models/{name}"} for name in MODELS]})
    data = [{"id": name, "object": "model", "type": "model", "owned_by": "lab"} for name in MODELS]
    return web.json_response({"object": "list", "data": data, "has_more": False, "models": []})
