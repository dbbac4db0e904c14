"""Sending of scripted responses with aiohttp: whole ones, streams, and those that break off."""

import asyncio
import json
import socket
import struct
from contextlib import suppress

from aiohttp import web

from workers.gateway.scripted.failures import HttpFailure, error_body
from workers.gateway.scripted.messages import ScriptedReply, WireFormat
from workers.gateway.scripted.scenarios import Break

_LINGER_NOT = struct.pack("ii", 1, 0)
"""SO_LINGER on, zero seconds: closing resets the connection."""
_IDENTITY = {"request-id": "req_lab", "x-request-id": "req_lab"}


def failure_response(failure: HttpFailure, dialect: str) -> web.Response:
    """The error response of a failure."""
    headers = _IDENTITY | failure.headers
    return web.json_response(error_body(failure, dialect), status=failure.status, headers=headers)


async def send_whole(
    request: web.Request, wire: WireFormat, reply: ScriptedReply, broken: Break | None, patience: float
) -> web.StreamResponse:
    """Send the reply as one JSON body, which breaks off half-way where it is `broken`."""
    body = wire.whole(reply)
    if broken is None:
        return web.json_response(body, headers=_IDENTITY)
    text = json.dumps(body).encode()
    response = web.StreamResponse(headers={**_IDENTITY, "content-type": "application/json"})
    await response.prepare(request)
    await response.write(text[: len(text) // 2])
    await _break_off(request, response, broken, patience)
    return response


async def send_stream(
    request: web.Request,
    wire: WireFormat,
    reply: ScriptedReply,
    broken: Break | None,
    patience: float,
) -> web.StreamResponse:
    """Send the reply as server-sent events, which break off in the middle of the text where it is `broken`."""
    headers = {**_IDENTITY, "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    before, after = wire.stream(reply)
    # A client that was killed meanwhile is charged all the same.
    with suppress(ConnectionError):
        for event in before:
            await response.write(event.encode())
        if broken == "error_event":
            await response.write(wire.error_event().encode())
        elif broken is None:
            for event in after:
                await response.write(event.encode())
        if broken in (None, "error_event"):
            await response.write_eof()
        else:
            await _break_off(request, response, broken, patience)
    return response


async def _break_off(
    request: web.Request, response: web.StreamResponse, broken: Break, patience: float
) -> None:
    """Reset the connection, stay silent for `patience` seconds, or end the body as if all had been sent."""
    transport = request.transport
    if broken == "truncated" or transport is None:
        await response.write_eof()
        return
    if broken == "stall":
        await asyncio.sleep(patience)
    else:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()
