"""The list of benches, filtered and in pages."""

from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.ui.memo import StateMemo
from bench.ui.numbers import page_number
from bench.ui.render import render
from db.repositories.bench_search import BenchPasses, BenchQuery, BenchSearch, BenchSummary
from db.states import BENCH_STATES

_BENCHES: Final = 25
_MOST_WORDS: Final = 200


def benches(request: Request) -> Response:
    """The matching benches, the newest first."""
    search, given = BenchSearch(request.app.state.engine), request.query_params
    query = BenchQuery(
        *(given.get(name, "").replace("\0", "")[:_MOST_WORDS].strip() for name in BenchQuery._fields)
    )
    count = search.count(query)
    pages = max(1, -(-count // _BENCHES))
    page = page_number(given.get("page"), pages)
    listed = search.page(query, (page - 1) * _BENCHES, _BENCHES)
    return render(
        request,
        "benches.html.j2",
        benches=listed,
        passes=_passes(request.app.state.passes, search, listed),
        query=query,
        parameters=urlencode({name: text for name, text in query._asdict().items() if text}),
        states=BENCH_STATES,
        slices=search.slices(),
        count=count,
        page=page,
        pages=pages,
    )


def _passes(
    memo: StateMemo[BenchPasses], search: BenchSearch, listed: list[BenchSummary]
) -> dict[str, BenchPasses]:
    """Counts by bench, read again only of benches in which money, time or executions were settled since."""
    states = {
        bench.bench_id: (
            *(bench.state, bench.spent_micro_usd, bench.reserved_micro_usd),
            *(bench.ms_spent, bench.executions_spent),
        )
        for bench in listed
    }
    unknown = [bench_id for bench_id, state in states.items() if memo.get(bench_id, state) is None]
    fresh = {each.bench_id: each for each in search.passes(unknown)} if unknown else {}
    for bench_id in unknown:
        memo.put(bench_id, states[bench_id], fresh.get(bench_id, BenchPasses(bench_id, 0, 0, 0)))
    known = ((bench_id, memo.get(bench_id, state)) for bench_id, state in states.items())
    return {bench_id: passes or BenchPasses(bench_id, 0, 0, 0) for bench_id, passes in known}


routes = [Route("/", benches, name="home"), Route("/benches", benches, name="benches")]
