"""The streams: what runs and is next of the backlog, and each decision with its reason."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from rich.console import RenderableType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.config.models import BenchConfig
from bench.stream.queue_show import decision_lines, queue_tables
from bench.stream.view import queue_view
from bench.terminal import table
from bench.ui.errors import NoSuchPageError
from bench.ui.paging import pages_of
from bench.ui.parts import parts_of
from bench.ui.render import render
from db.repositories.benches import Benches
from db.repositories.stream_decisions import StreamDecision, StreamDecisions
from db.repositories.streams import Streams
from planner.actions import all_cells

_MOST = 200


def streams(request: Request) -> Response:
    """The streams of the farm, the newest first, and the queue of the backlog."""
    engine = request.app.state.engine
    listed = [bench for bench in Benches(engine).list_all(_MOST) if bench.kind == "stream"]
    return render(request, "streams.html.j2", streams=listed, parts=list(parts_of(_queue(engine))))


def stream(request: Request) -> Response:
    """One stream with its decisions."""
    engine, bench_id = request.app.state.engine, request.path_params["bench_id"]
    row = Benches(engine).get(bench_id)
    if row.kind != "stream":
        raise NoSuchPageError(f"{bench_id} is no stream")
    decisions = StreamDecisions(engine).of(bench_id)
    links = {each.issue_id: f"/cases/{each.case_id}" for each in decisions}
    pages = pages_of(parts_of([_decisions_table(decisions)], links))
    number = min(max(_number(request.query_params.get("page", "1")), 1), len(pages))
    values: dict[str, Any] = {"bench": row, "parts": pages[number - 1], "page": number, "pages": len(pages)}
    return render(request, "stream.html.j2", **values)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else 1


def _queue(engine: sa.Engine) -> Iterable[RenderableType]:
    """The queue as the open stream has it; empty where none is open, since its config decides what is ready."""
    stored = Streams(engine).current_config()
    if stored is None:
        return []
    view = queue_view(engine, BenchConfig.model_validate(stored), datetime.now(UTC))
    return [*queue_tables(view), *decision_lines(view)]


def _decisions_table(decisions: Iterable[StreamDecision]) -> RenderableType:
    columns = (
        *("issue", "run>", "state", "action drawn", "propensity>", "by", "confidence>"),
        *("reason", "ran as drawn", "agrees"),
    )
    return table("Decisions", columns, [_row(each) for each in decisions])


def _row(each: StreamDecision) -> tuple[Any, ...]:
    record = each.decision or {}
    action, trace = record.get("planner_action") or {}, record.get("policy_trace") or {}
    confidence = action.get("confidence")
    return (
        *(each.issue_id, each.run_no, each.state, all_cells()[each.canonical_rank].label()),
        *(f"{each.propensity:.3g}", str(trace.get("policy_id") or "")),
        f"{confidence:.2f}" if isinstance(confidence, int | float) else "",
        str(action.get("reason") or ""),
        each.reduction or "yes",
        "" if record.get("agrees") is None else "yes" if record["agrees"] else "no",
    )


routes = [
    Route("/streams", streams, name="streams"),
    Route("/streams/{bench_id}", stream, name="stream"),
]
