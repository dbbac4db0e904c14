"""Files of an execution as downloads, and its live output as an event stream."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, suppress
from typing import Final

from markupsafe import Markup, escape
from sqlalchemy.exc import SQLAlchemyError
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bench.inspection.follow import LogPrinter
from bench.ui.pages.execution import read_record
from db.repositories.live_output import LiveOutputs
from db.states import TERMINAL
from planner.system.foreign_text import visible_text

_CHUNK: Final = 64 * 1024
_TEXTS: Final = (".diff", ".log", ".stdout", ".stderr", ".txt", ".md", ".xml", ".json", ".jsonl")
_PING_SECONDS: Final = 15
_WANTED_SECONDS: Final = 30.0
_RENEW_SECONDS: Final = 10.0


def download(request: Request) -> Response:
    """One stored file, byte for byte, never as a page: a browser saves it."""
    record, _ = read_record(request)
    path = request.path_params
    file = next(
        (each for each in record.files.of(path["attempt"], path["candidate"]) if each.name == path["name"]),
        None,
    )
    if file is None:
        raise HTTPException(404)
    data = record.files.read(file)
    name = re.sub(r"[^A-Za-z0-9._-]", "_", f"{record.name}-a{file.attempt}-c{file.candidate}-{file.title}")
    kind = "text/plain; charset=utf-8" if file.name.endswith(_TEXTS) else "application/octet-stream"
    headers = {
        "Content-Disposition": f'attachment; filename="{name[:200]}"',
        "Content-Length": str(len(data)),
    }
    return StreamingResponse(_pieces(data), media_type=kind, headers=headers)


def _pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), _CHUNK):
        yield data[start : start + _CHUNK]


async def output(request: Request) -> EventSourceResponse:
    """Sends an event `output` with each piece of new output, as escaped text, and `ended` after the last.

    While somebody reads it, the worker is asked to send its output.
    """
    record, _ = await run_in_threadpool(read_record, request)
    return EventSourceResponse(_events(request, record.facts.execution_id, record.named), ping=_PING_SECONDS)


async def _events(
    request: Request, execution_id: int, named: tuple[int, int] | None
) -> AsyncIterator[ServerSentEvent]:
    live = LiveOutputs(request.app.state.engine)
    texts: list[str] = []
    printer = LogPrinter(execution_id, texts.append)
    # The state is checked once more after the request to follow: an end in between must not be missed.
    await run_in_threadpool(live.follow, execution_id, _WANTED_SECONDS)
    renewal = asyncio.create_task(_renew(live, execution_id))
    after = 0
    try:
        async with aclosing(request.app.state.live.states("execution", str(execution_id))) as states:
            async for _ in states:
                for chunk in await run_in_threadpool(live.after, execution_id, after):
                    after = chunk.chunk_no
                    if named in (None, (chunk.attempt, chunk.candidate)):
                        printer.chunk(chunk)
                if texts:
                    yield ServerSentEvent(event="output", data=_markup("".join(texts)))
                    texts.clear()
                if await run_in_threadpool(live.state, execution_id) in TERMINAL:
                    yield ServerSentEvent(event="ended", data="ended")
                    return
    finally:
        renewal.cancel()


def _markup(text: str) -> Markup:
    """Text of a program inside an element, so that a browser keeps the spaces at its ends."""
    return Markup("<span>{}</span>").format(escape(visible_text(text)))


async def _renew(live: LiveOutputs, execution_id: int) -> None:
    while True:
        await asyncio.sleep(_RENEW_SECONDS)
        # A database that restarts is asked again.
        with suppress(SQLAlchemyError):
            await run_in_threadpool(live.follow, execution_id, _WANTED_SECONDS)


routes = [
    Route("/executions/{execution_id:int}/output", output, name="execution_output"),
    Route(
        "/executions/{execution_id:int}/files/{attempt:int}/{candidate:int}/{name:path}",
        download,
        name="execution_file",
    ),
]
