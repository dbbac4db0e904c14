"""Registered policies, with their calibration and worth on the benches that they were scored on."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.results.policies_show import policies_table
from bench.ui.parts import parts_of
from bench.ui.render import render
from db.repositories.calibration import calibration_bins
from db.repositories.estimates import Estimates
from db.repositories.policies import Policies

_MOST_VALUES = 200


def policies(request: Request) -> Response:
    """Every registered policy, and the published values to quote."""
    engine = request.app.state.engine
    listed = Policies(engine).list_all()
    names = [policy.name for policy in listed]
    return render(
        request,
        "policies.html.j2",
        policies=listed,
        parts=list(parts_of([policies_table(listed)])),
        bins=calibration_bins(engine, _MOST_VALUES),
        values=Estimates(engine).values_of([*names, *_ALWAYS_SHOWN], _MOST_VALUES),
    )


_ALWAYS_SHOWN = ("heuristic_baseline",)

routes = [Route("/policies", policies, name="policies")]
