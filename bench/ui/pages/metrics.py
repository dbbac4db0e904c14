"""The metrics of the farm."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.metrics.server import CONTENT_TYPE, exposition


def metrics(request: Request) -> Response:
    """All metrics, for Prometheus; a token is asked for as on every page."""
    return Response(exposition(request.app.state.engine), headers={"Content-Type": CONTENT_TYPE})


routes = [Route("/metrics", metrics, name="metrics")]
