"""The list of benches."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.ui.render import render
from db.repositories.benches import Benches

_MOST = 200


def benches(request: Request) -> Response:
    """The newest benches first."""
    listed = Benches(request.app.state.engine).list_all(_MOST)
    return render(request, "benches.html.j2", benches=listed)


routes = [Route("/", benches, name="home"), Route("/benches", benches, name="benches")]
