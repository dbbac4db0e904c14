"""Two benches side by side: the paired difference first."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.errors import BenchError
from bench.ui.numbers import page_number
from bench.ui.paging import pages_of
from bench.ui.parts import parts_of
from bench.ui.render import render
from db.errors import DbError
from db.repositories.benches import Benches

_NAMES: Final = 50
_PAGE_BYTES: Final = 25_000


def compare(request: Request) -> Response:
    """The comparison of benches `a` and `b`; without them, the form that asks for them."""
    # Imported by the first comparison: the statistics take 170 MB.
    from bench.results.comparison import read_comparison
    from bench.results.comparison_show import comparison_parts

    engine, given = request.app.state.engine, request.query_params
    first, second = given.get("a", "").strip().replace("\0", ""), given.get("b", "").strip().replace("\0", "")
    values: dict[str, Any] = {
        "first": first,
        "second": second,
        "names": [bench.bench_id for bench in Benches(engine).list_all(_NAMES)],
    }
    if not first or not second:
        return render(request, "compare.html.j2", **values, line=None, parts=[], page=1, pages=1)
    try:
        comparison = read_comparison(engine, first, second)
    except (BenchError, DbError) as error:
        return render(
            request, "compare.html.j2", status=404, **values, line=str(error), parts=[], page=1, pages=1
        )
    links = {bench: f"/benches/{bench}" for bench in (first, second)}
    parts = list(parts_of(comparison_parts(comparison), links))
    # The head is short; the arms behind it are spread over pages.
    head = len(parts) - bool(comparison.arms)
    pages = pages_of(parts[head:], _PAGE_BYTES)
    pages[0] = [*parts[:head], *pages[0]]
    page = page_number(given.get("page"), len(pages))
    return render(
        request, "compare.html.j2", **values, line=None, parts=pages[page - 1], page=page, pages=len(pages)
    )


routes = [Route("/compare", compare, name="compare")]
