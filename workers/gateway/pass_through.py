"""Free calls of a provider: model lists and token counts."""

import json
from typing import Final

import aiohttp
from aiohttp import web

from workers.gateway.calls import ModelCall
from workers.gateway.errors import error_body
from workers.gateway.routes import Route
from workers.gateway.upstream import request_headers, response_headers, url_of

_SECONDS: Final = 30.0
_MAX_BYTES: Final = 4 * 1024 * 1024
_COUNTED: Final = ("model", "system", "tools", "messages", "tool_choice", "thinking")


async def pass_through(
    session: aiohttp.ClientSession, request: web.BaseRequest, where: Route, base_url: str, key: str
) -> web.Response:
    """The provider's answer to a free call."""
    url = url_of(base_url, where, request.query)
    headers = request_headers(where.provider, key, request.headers)
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    try:
        async with session.request(
            request.method,
            url,
            data=await request.read(),
            headers=headers,
            timeout=timeout,
            allow_redirects=False,
        ) as response:
            body = await read_at_most(response, _MAX_BYTES)
            return web.Response(status=response.status, body=body, headers=response_headers(response.headers))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        message = f"bench gateway: {type(error).__name__}: {error}"
        return web.json_response(error_body(where.provider.dialect, 502, message), status=502)


async def read_at_most(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body up to `limit` bytes: a single read returns what has arrived so far."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) >= limit:
            break
    return bytes(body[:limit])


async def count_input(session: aiohttp.ClientSession, call: ModelCall, base_url: str, key: str) -> int | None:
    """The provider's own count of the call's input tokens; None where it has none, or does not answer."""
    if call.route.provider.dialect != "anthropic":
        return None
    where = Route(call.route.provider, "count", "/v1/messages/count_tokens")
    body = {name: call.body[name] for name in _COUNTED if name in call.body}
    headers = request_headers(
        call.route.provider, key, {"content-type": "application/json", "anthropic-version": "2023-06-01"}
    )
    try:
        async with session.post(
            url_of(base_url, where, {}),
            data=json.dumps(body).encode(),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=_SECONDS),
            allow_redirects=False,
        ) as response:
            document = await response.json()
            count = document.get("input_tokens")
            return count if response.status == 200 and isinstance(count, int) else None
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, AttributeError):
        return None
