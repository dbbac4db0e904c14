"""One bench: its answer, its spend, its matrix of cases and arms, and its report."""

from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bench.ui.matrix import headings, matrix
from bench.ui.numbers import page_number
from bench.ui.paging import pages_of
from bench.ui.plot import rate_plot
from bench.ui.progress import read_progress
from bench.ui.render import render
from bench.ui.report_view import BenchView
from bench.ui.sections import contents, sql_line
from bench.ui.spend import spend_curve
from db.repositories.bench_rows import BenchRow
from db.repositories.benches import Benches
from db.repositories.page_changes import fingerprint
from db.repositories.page_rows import PageRows

_WAIT_SECONDS: Final = 0.05
_CASES: Final = 50
_REPORT_BYTES: Final = 30_000
_MICRO: Final = 1_000_000


def bench(request: Request) -> Response:
    """The whole page of a bench."""
    row = _row(request)
    progress = _progress(request, row)
    cells = _matrix(request, row, progress["actions"])
    return render(request, "bench.html.j2", **progress, **cells, **_report(request, row))


def progress(request: Request) -> Response:
    """Progress, spend and matrix alone, for a page that shows them already."""
    row = _row(request)
    progress = _progress(request, row)
    cells = _matrix(request, row, progress["actions"])
    return render(request, "bench_progress.html.j2", **progress, **cells)


def answer(request: Request) -> Response:
    """The answer alone, which is computed less often than the rest changes."""
    row = _row(request)
    return render(request, "bench_answer.html.j2", bench=row, **_report(request, row))


def report(request: Request) -> Response:
    """The rest of the report alone."""
    row = _row(request)
    return render(request, "bench_report.html.j2", bench=row, **_report(request, row))


def spend(request: Request) -> Response:
    """The spend over time as columns, for a chart: seconds since 1970, dollars so far, and the cap."""
    row = _row(request)
    times, dollars = spend_curve(PageRows(request.app.state.engine).spend(row.bench_id))
    cap = None if row.usd_limit is None else row.usd_limit / _MICRO
    return JSONResponse([times, dollars, [cap] * len(times)])


def _row(request: Request) -> BenchRow:
    return Benches(request.app.state.engine).get(request.path_params["bench_id"])


def _progress(request: Request, row: BenchRow) -> dict[str, Any]:
    state = request.app.state
    now = fingerprint(state.engine, "bench", row.bench_id)
    progress = state.progress.value(row.bench_id, now, lambda: read_progress(state.engine, row.bench_id))
    return {
        "bench": row,
        "counts": progress.counts,
        "case_count": progress.cases,
        "spend_rows": progress.spend,
        "headings": headings(progress.actions),
        "actions": progress.actions,
        "sql": {view: sql_line(view, row.bench_id) for view in ("spend_against_caps", "arm_outcomes")},
    }


def _matrix(request: Request, row: BenchRow, actions: Sequence[int]) -> dict[str, Any]:
    rows = PageRows(request.app.state.engine)
    number = page_number(request.query_params.get("cases"))
    lines = matrix(rows.matrix(row.bench_id, (number - 1) * _CASES, _CASES), actions)
    return {"lines": lines, "page": number, "page_cases": _CASES}


def _report(request: Request, row: BenchRow) -> dict[str, Any]:
    cached, is_current = request.app.state.reports.report(row.bench_id, _WAIT_SECONDS)
    view = BenchView() if cached is None else cached.view
    pages = pages_of(view.parts, _REPORT_BYTES)
    number = page_number(request.query_params.get("report"), len(pages))
    return {
        "report": cached,
        "is_current": is_current,
        "view": view,
        "plot": rate_plot(view.points) if view.points else None,
        "contents": contents([view.answer])[:1] + contents(pages) if cached is not None else [],
        "parts": pages[number - 1],
        "report_page": number,
        "report_pages": len(pages),
    }


routes = [
    Route("/benches/{bench_id}", bench, name="bench"),
    Route("/benches/{bench_id}/progress", progress, name="bench_progress"),
    Route("/benches/{bench_id}/answer", answer, name="bench_answer"),
    Route("/benches/{bench_id}/report", report, name="bench_report"),
    Route("/benches/{bench_id}/spend.json", spend, name="bench_spend"),
]
