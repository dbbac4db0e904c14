"""The list of benches, filtered and in pages."""

from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.ui.numbers import page_number
from bench.ui.render import render
from db.repositories.bench_search import BenchQuery, BenchSearch
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
    return render(
        request,
        "benches.html.j2",
        benches=search.page(query, (page - 1) * _BENCHES, _BENCHES),
        query=query,
        parameters=urlencode({name: text for name, text in query._asdict().items() if text}),
        states=BENCH_STATES,
        slices=search.slices(),
        count=count,
        page=page,
        pages=pages,
    )


routes = [Route("/", benches, name="home"), Route("/benches", benches, name="benches")]
