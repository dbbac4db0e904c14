"""One case: its arms beside each other."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.inspection.case import CaseView
from bench.ui.errors import NoSuchPageError
from bench.ui.parts import parts_of
from bench.ui.render import render
from db.repositories.references import References


def case(request: Request) -> Response:
    """The whole page of a case."""
    return render(request, "case.html.j2", **_values(request))


def arms(request: Request) -> Response:
    """What changes while the case runs."""
    return render(request, "case_arms.html.j2", **_values(request))


def _values(request: Request) -> dict[str, Any]:
    engine, case_id = request.app.state.engine, request.path_params["case_id"]
    address = References(engine).case(case_id)
    if address is None:
        raise NoSuchPageError(f"there is no case c{case_id}")
    return {"case": address, "parts": list(parts_of(CaseView(engine, address).parts()))}


routes = [
    Route("/cases/{case_id:int}", case, name="case"),
    Route("/cases/{case_id:int}/arms", arms, name="case_arms"),
]
