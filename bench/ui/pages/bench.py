"""One bench: its answer, its matrix of cases and arms, and its report."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.ui.render import render
from db.repositories.benches import Benches

_WAIT_SECONDS = 0.05


def bench(request: Request) -> Response:
    """The whole page of a bench."""
    return render(request, "bench.html.j2", **_values(request))


def report(request: Request) -> Response:
    """The report of a bench alone, for a page that shows it already."""
    return render(request, "bench_report.html.j2", **_values(request))


def _values(request: Request) -> dict[str, Any]:
    state = request.app.state
    row = Benches(state.engine).get(request.path_params["bench_id"])
    cached, is_current = state.reports.report(row.bench_id, _WAIT_SECONDS)
    return {"bench": row, "report": cached, "is_current": is_current}


routes = [
    Route("/benches/{bench_id}", bench, name="bench"),
    Route("/benches/{bench_id}/report", report, name="bench_report"),
]
