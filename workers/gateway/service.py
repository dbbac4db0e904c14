"""Request handler of a door: hold → forward → settle, or refuse."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from aiohttp import web

from workers.gateway import failures
from workers.gateway.account import DoorAccount
from workers.gateway.adjust import admitted, is_text_model, with_limit
from workers.gateway.calls import ModelCall, parse_call
from workers.gateway.door import DoorSpec
from workers.gateway.errors import error_body
from workers.gateway.exchange import Exchange, ForwardedAnswer, ProviderFailedError, RefusedByProviderError
from workers.gateway.hold import Hold, Pricing
from workers.gateway.keys import key_of
from workers.gateway.limits import RateLimits
from workers.gateway.pass_through import count_input, pass_through
from workers.gateway.replay import Replay
from workers.gateway.replies import replayed
from workers.gateway.routes import Route, route
from workers.gateway.settle import charge
from workers.gateway.transcript import TranscriptWriter, stored_body
from workers.gateway.upstream import request_headers, url_of
from workers.prices.table import price_of
from workers.prices.tokens import Tokens

MAX_CALLS: Final = 64
"""Forwarded calls of one candidate at the same time."""
_LARGE_BYTES: Final = 256 * 1024
"""A larger body is parsed in a thread, so that other doors do not wait for it."""
MAX_CUTS: Final = 5
"""Broken streams in a row after which the provider has failed."""
NO_MONEY: Final = "bench gateway: the money reserved for this candidate is used up"


@dataclass(eq=False)
class OpenDoor:
    """State of a door, owned by the event loop."""

    spec: DoorSpec
    token: str = field(repr=False)
    account: DoorAccount
    replay: Replay | None
    transcript: TranscriptWriter | None
    running: set["asyncio.Task[Any]"] = field(default_factory=set)
    """Forwarded calls, whose money is not settled yet."""
    is_accepting: bool = True
    """Whether a round runs: what a dead program left behind starts no call."""
    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))
    cuts: int = 0


@dataclass(frozen=True)
class _Service:
    """One request to a door."""

    door: OpenDoor
    request: web.BaseRequest
    session: aiohttp.ClientSession
    keys: Mapping[str, str]
    limits: RateLimits

    def denied(self, where: Route | None, status: int, message: str) -> web.Response:
        """A refusal that costs nothing; all but probes of the address are recorded."""
        if self.request.method != "HEAD":
            self.door.account.deny(f"{self.request.method} {self.request.path:.100}: {message}")
        dialect = "openai" if where is None else where.provider.dialect
        return web.json_response(error_body(dialect, status, f"bench gateway: {message}"), status=status)

    async def metered(self, where: Route, base_url: str, key: str) -> web.StreamResponse:
        try:
            async with self.door.reading:  # bodies are large: few at a time
                call, dropped = await self._parsed(where)
        except (ValueError, RecursionError) as error:
            return self.denied(where, 400, f"invalid request: {error}")
        for name in dropped:
            self.door.account.deny(f"{self.request.method} {self.request.path:.100}: took out {name}")
        rate = price_of(call.model, where.provider.name) if is_text_model(call.model) else None
        if rate is None:
            return self.denied(where, 404, f"model {call.model!r:.100} has no price; add it to BENCH_PRICES")
        if call.has_media and where.provider.dialect != "anthropic":
            return self.denied(where, 400, "documents, sound and video have no bound of tokens; send text")
        wanted = call.output_limit or rate.max_output
        taken = await self._held(call, rate.cost, wanted, base_url, key)
        if taken is None:
            self.door.account.refuse(f"{NO_MONEY}: {call.model} needs more than is left")
            self._record(call, {"at": time.time(), "status": 402, "refused": NO_MONEY})
            return web.json_response(error_body(where.provider.dialect, 402, NO_MONEY), status=402)
        if not self.door.is_accepting or len(self.door.running) >= MAX_CALLS:
            self.door.account.release(taken)
            return self.denied(where, 429, "too many calls at once, or the round is over")
        # A program that goes away does not end the call: its usage is still to be known.
        forwarded = asyncio.create_task(self._forwarded(call, taken, rate.cost, base_url, key))
        self.door.running.add(forwarded)
        forwarded.add_done_callback(self.door.running.discard)
        return await asyncio.shield(forwarded)

    async def _parsed(self, where: Route) -> tuple[ModelCall, list[str]]:
        """The call, and what was taken out of its request. Raises `ValueError` for what is no call."""
        data = await self.request.read()
        is_stream = "streamGenerateContent" in self.request.path

        def parse() -> tuple[ModelCall, list[str]]:
            body = json.loads(data)
            if not isinstance(body, dict):
                raise ValueError("the request is not a JSON object")
            kept, dropped = admitted(where.kind, body)
            return parse_call(where, kept, is_stream), dropped

        return parse() if len(data) < _LARGE_BYTES else await asyncio.to_thread(parse)

    async def _held(
        self, call: ModelCall, pricing: Pricing, wanted: int, base_url: str, key: str
    ) -> Hold | None:
        account = self.door.account
        taken = await account.take(call, pricing, wanted)
        if taken is None and call.is_countable and self.door.replay is None:
            counted = await count_input(self.session, call, base_url, key)
            if counted is not None:
                account.note_counted(call, counted)
                taken = await account.take(call, pricing, wanted)
        return taken

    async def _forwarded(
        self, call: ModelCall, taken: Hold, pricing: Pricing, base_url: str, key: str
    ) -> web.StreamResponse:
        """Forward a held call and settle it, whatever happens."""
        if self.door.replay is not None:
            return await self._replayed(call, taken, pricing)
        account, started = self.door.account, time.time()
        before = account.bill.wait_ms
        exchange = self._exchange(call, taken, base_url, key)
        try:
            answer = await exchange.run()
        except RefusedByProviderError as error:
            text = error.body.decode("utf-8", "replace")
            overflow = failures.is_overflow(error.status, text)
            account.release(taken, "context_overflow" if overflow else None)
            self._record(call, {"at": started, "status": error.status, "error": text})
            return web.Response(status=error.status, body=error.body, headers=error.headers)
        except ProviderFailedError as error:
            self._give_up(call, taken, error, started)
            content = (
                error.body
                or json.dumps(error_body(call.route.provider.dialect, error.status, str(error))).encode()
            )
            return web.Response(status=error.status, body=content, content_type="application/json")
        except BaseException:  # cancelled, or a fault of ours: what the provider works on may be charged
            if exchange.in_flight:
                account.settle_whole(taken)
            else:
                account.release(taken)
            raise
        self._settle(call, taken, pricing, answer, started, account.bill.wait_ms - before)
        return answer.response

    def _exchange(self, call: ModelCall, taken: Hold, base_url: str, key: str) -> Exchange:
        provider, spec = call.route.provider, self.door.spec
        body = with_limit(call, taken.output_limit)
        return Exchange(
            session=self.session,
            request=self.request,
            call=call,
            url=url_of(base_url, call.route, self.request.query),
            headers=request_headers(provider, key, self.request.headers),
            data=json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass"),
            limits=self.limits,
            bucket=f"{provider.name}-{call.model}",
            input_tokens=taken.input_tokens,
            patience_seconds=spec.patience_seconds,
            stall_seconds=spec.stall_seconds,
            is_own_model=not spec.models or call.model.rsplit("/", 1)[-1].lower() in spec.models,
            note_wait=self.door.account.note_wait,
        )

    def _give_up(self, call: ModelCall, taken: Hold, error: ProviderFailedError, started: float) -> None:
        account = self.door.account
        if error.is_charged:
            account.settle_whole(taken)
        else:
            account.release(taken)
        account.fail(str(error))
        self._record(call, {"at": started, "status": error.status, "error": str(error)})

    def _settle(
        self,
        call: ModelCall,
        taken: Hold,
        pricing: Pricing,
        answer: ForwardedAnswer,
        started: float,
        wait_ms: int,
    ) -> None:
        account, tally = self.door.account, answer.tally
        charged = charge(tally, taken, pricing, is_cut=answer.is_cut, answers=call.answers)
        account.settle(
            taken, charged.micro_usd, charged.tokens, is_bound=charged.is_bound, problem=tally.problem
        )
        tokens = charged.tokens
        if tokens is not None and call.is_countable:
            account.note_counted(call, tokens.total_in)
        if taken.is_clamped and (tokens or Tokens()).output >= taken.output_limit * call.answers:
            account.refuse(f"{NO_MONEY}: an answer was cut off at what was left")
        self.door.cuts = self.door.cuts + 1 if answer.is_cut else 0
        if self.door.cuts >= MAX_CUTS:
            account.fail(
                f"{self.door.cuts} answers in a row broke off: {tally.error or 'the stream ended early'}"
            )
        self._record(
            call,
            {
                "at": started,
                "ms": round((time.time() - started) * 1000),
                "status": answer.response.status,
                **stored_body(answer.content_type, bytes(answer.body).decode("utf-8", "replace")),
                "usage": None if charged.tokens is None else vars(charged.tokens),
                "micro_usd": charged.micro_usd,
                "is_bound": charged.is_bound,
                "is_cut": answer.is_cut,
                "wait_ms": wait_ms,
            },
        )

    async def _replayed(self, call: ModelCall, taken: Hold, pricing: Pricing) -> web.StreamResponse:
        assert self.door.replay is not None
        entry = self.door.replay.answer(call)
        if entry is None:
            self.door.account.release(taken)
            self.door.account.fail("the replay has no answer for this call")
            return self.denied(call.route, 404, "the replay has no answer for this call")
        try:
            answer = await replayed(self.request, call, entry)
        except BaseException:
            self.door.account.release(taken)
            raise
        self._settle(call, taken, pricing, answer, time.time(), 0)
        return answer.response

    def _record(self, call: ModelCall, entry: dict[str, Any]) -> None:
        if self.door.transcript is None:
            return
        provider = call.route.provider
        common = {"provider": provider.name, "dialect": provider.dialect, "path": call.route.path}
        self.door.transcript.write(
            call.kind,
            {**common, "model": call.model, "stream": call.is_stream, "request": call.body, **entry},
            call.history,
        )


async def serve_call(
    door: OpenDoor,
    request: web.BaseRequest,
    session: aiohttp.ClientSession,
    keys: Mapping[str, str],
    limits: RateLimits,
) -> web.StreamResponse:
    """Answer one request to a door."""
    service = _Service(door, request, session, keys, limits)
    where = route(request.method, request.path)
    if where is None:
        return service.denied(None, 404, "no call of a model")
    base_url = door.spec.upstreams.get(where.provider.name)
    if not base_url:
        return service.denied(
            where, 403, f"provider {where.provider.name} is not configured for this candidate"
        )
    key = key_of(where.provider, keys)
    if key is None and door.replay is None:
        return service.denied(where, 401, f"this worker has no key of {where.provider.name}")
    if not where.is_metered:
        if door.replay is not None:
            return service.denied(where, 404, "a replay answers calls of the model alone")
        return await pass_through(session, request, where, base_url, key or "")
    return await service.metered(where, base_url, key or "")
