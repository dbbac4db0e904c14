"""The event streams of live pages."""

import hashlib
from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route

_TOPICS = ("bench", "case", "execution", "farm")
_PING_SECONDS = 15


async def live(request: Request) -> EventSourceResponse:
    """Sends an event `changed` whenever the subject of a page has changed; its id names the state."""
    topic, key = request.path_params["topic"], request.path_params["key"]
    if topic not in _TOPICS or (topic in ("case", "execution") and not (key.isdigit() and len(key) < 19)):
        raise HTTPException(404)
    seen = request.headers.get("last-event-id")

    async def events() -> AsyncIterator[ServerSentEvent]:
        nonlocal seen
        async for state in request.app.state.live.states(topic, key):
            name = hashlib.sha256(state.encode()).hexdigest()[:16]
            # The page was rendered just before: the first state is news only to a browser that lost its connection.
            event = "changed" if seen not in (None, name) else "seen"
            seen = name
            yield ServerSentEvent(event=event, id=name, data=name)

    return EventSourceResponse(events(), ping=_PING_SECONDS)


routes = [Route("/live/{topic}/{key}", live)]
