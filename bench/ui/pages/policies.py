"""Registered policies, and the values that were published of them."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.farm_show import policies_table
from bench.ui.parts import parts_of
from bench.ui.render import render
from db.repositories.page_rows import PageRows
from db.repositories.policies import Policies


def policies(request: Request) -> Response:
    """The whole page."""
    engine = request.app.state.engine
    registered = Policies(engine).list_all()
    parts = list(parts_of([policies_table(registered)])) if registered else []
    return render(request, "policies.html.j2", parts=parts, values=PageRows(engine).values())


routes = [Route("/policies", policies, name="policies")]
