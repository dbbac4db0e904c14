"""Responses from a replay, tallied like the provider's own."""

import json
from typing import Any

from aiohttp import web

from workers.gateway.calls import ModelCall
from workers.gateway.exchange import ForwardedAnswer
from workers.gateway.sse import EventParser
from workers.gateway.transcript import body_of
from workers.gateway.usage import UsageTally


async def replayed(request: web.BaseRequest, call: ModelCall, entry: dict[str, Any]) -> ForwardedAnswer:
    """Serve a recorded response to the program, byte for byte."""
    body = body_of(entry)
    kind = str(entry.get("content_type") or "application/json")
    response = web.StreamResponse(status=int(entry["status"]), headers={"content-type": kind})
    answer = ForwardedAnswer(
        UsageTally(call.kind), response, bytearray(body), kind, bool(entry.get("is_cut"))
    )
    if kind == "text/event-stream":
        parser = EventParser()
        for event in [*parser.feed(body), *parser.close()]:
            answer.tally.feed(event)
    else:
        answer.tally.add(json.loads(body))
    await response.prepare(request)
    await response.write(body)
    await response.write_eof()
    return answer
