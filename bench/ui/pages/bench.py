"""One bench: its answer, its spend, its matrix of cases and arms, and its report."""

from itertools import accumulate
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bench.results.counts import execution_counts
from bench.ui.matrix import headings, matrix
from bench.ui.paging import pages_of
from bench.ui.render import render
from db.repositories.bench_rows import BenchRow
from db.repositories.benches import Benches
from db.repositories.page_rows import PageRows

_WAIT_SECONDS: Final = 0.05
_CASES: Final = 50
_REPORT_BYTES: Final = 30_000
_MICRO: Final = 1_000_000


def bench(request: Request) -> Response:
    """The whole page of a bench."""
    row = _row(request)
    return render(
        request, "bench.html.j2", **_progress(request, row), **_matrix(request, row), **_report(request, row)
    )


def progress(request: Request) -> Response:
    """Progress, spend and matrix alone, for a page that shows them already."""
    row = _row(request)
    return render(request, "bench_progress.html.j2", **_progress(request, row), **_matrix(request, row))


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
    stretches = PageRows(request.app.state.engine).spend(row.bench_id)
    times = [stretch.at.timestamp() for stretch in stretches]
    dollars = [total / _MICRO for total in accumulate(stretch.micro_usd for stretch in stretches)]
    cap = None if row.usd_limit is None else row.usd_limit / _MICRO
    return JSONResponse([times, dollars, [cap] * len(times)])


def _row(request: Request) -> BenchRow:
    return Benches(request.app.state.engine).get(request.path_params["bench_id"])


def _progress(request: Request, row: BenchRow) -> dict[str, Any]:
    cases = Benches(request.app.state.engine).cases(row.bench_id)
    counts = execution_counts(cases).text()
    return {"bench": row, "counts": counts, "case_count": len(cases)}


def _matrix(request: Request, row: BenchRow) -> dict[str, Any]:
    rows = PageRows(request.app.state.engine)
    actions = rows.actions(row.bench_id)
    number = max(1, _number(request.query_params.get("cases", "1")))
    lines = matrix(rows.matrix(row.bench_id, (number - 1) * _CASES, _CASES), actions)
    return {"headings": headings(actions), "lines": lines, "page": number, "page_cases": _CASES}


def _report(request: Request, row: BenchRow) -> dict[str, Any]:
    cached, is_current = request.app.state.reports.report(row.bench_id, _WAIT_SECONDS)
    pages = pages_of(cached.parts, _REPORT_BYTES) if cached is not None else [[]]
    number = min(max(1, _number(request.query_params.get("report", "1"))), len(pages))
    return {
        "report": cached,
        "is_current": is_current,
        "parts": pages[number - 1],
        "report_page": number,
        "report_pages": len(pages),
    }


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else 1


routes = [
    Route("/benches/{bench_id}", bench, name="bench"),
    Route("/benches/{bench_id}/progress", progress, name="bench_progress"),
    Route("/benches/{bench_id}/answer", answer, name="bench_answer"),
    Route("/benches/{bench_id}/report", report, name="bench_report"),
    Route("/benches/{bench_id}/spend.json", spend, name="bench_spend"),
]
