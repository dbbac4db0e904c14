"""Streams: which there are, what one works on and what is next, and how its actions were decided."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.config.models import BenchConfig
from bench.stream.queue_show import decisions_line, lanes_line, not_shown, queue_tables
from bench.stream.view import decisions_view, queue_view
from bench.ui.parts import parts_of
from bench.ui.render import render
from db.repositories.bench_rows import BenchRow
from db.repositories.benches import Benches
from db.repositories.stream_decisions import StreamDecisions
from db.repositories.streams import Streams

_MOST_STREAMS = 30
_MOST_DECISIONS = 100


def streams(request: Request) -> Response:
    """The newest streams first, each with its decisions."""
    engine = request.app.state.engine
    listed = [
        (stream, decisions_view(Streams(engine).decisions(stream.bench_id)))
        for stream in Streams(engine).list_all(_MOST_STREAMS)
    ]
    return render(request, "streams.html.j2", streams=listed)


def stream(request: Request) -> Response:
    """The whole page of a stream."""
    return render(request, "stream.html.j2", **_values(request))


def stream_now(request: Request) -> Response:
    """The changing part of the page of a stream."""
    return render(request, "stream_now.html.j2", **_values(request))


def _values(request: Request) -> dict[str, Any]:
    engine = request.app.state.engine
    row = Benches(engine).get(request.path_params["stream_id"])
    if row.kind != "stream":
        raise HTTPException(404)
    counts = decisions_view(Streams(engine).decisions(row.bench_id))
    return {
        "stream": row,
        "counts": counts,
        "line": decisions_line(counts),
        "queue": _queue(engine, row),
        "decisions": StreamDecisions(engine).newest(row.bench_id, _MOST_DECISIONS),
    }


def _queue(engine: sa.Engine, row: BenchRow) -> dict[str, Any] | None:
    """The backlog as the newest stream sees it; None for older streams, whose backlog is the newest one's now."""
    if Streams(engine).newest() != row.bench_id:
        return None
    try:
        config = BenchConfig.model_validate(row.config)
    except ValidationError:  # written by an earlier version, and refused by this one
        return None
    view = queue_view(engine, config, datetime.now(UTC))
    return {
        "tables": list(parts_of(queue_tables(view))),
        "more": not_shown(view),
        "lanes": lanes_line(view),
        "ready": len(view["ready"]),
        "held": len(view["held"]),
        "solved": view["solved"],
        "running": len(view["running"]),
    }


routes = [
    Route("/streams", streams, name="streams"),
    Route("/streams/{stream_id}", stream, name="stream"),
    Route("/streams/{stream_id}/now", stream_now, name="stream_now"),
]
