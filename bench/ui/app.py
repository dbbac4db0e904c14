"""The ASGI application of the page: routes, static files, and the middleware around them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from bench.ui.access import AccessToken
from bench.ui.errors import error_handlers
from bench.ui.headers import SecurityHeaders
from bench.ui.hosts import AllowedHosts
from bench.ui.live import LiveChanges
from bench.ui.memo import StateMemo
from bench.ui.owner import OwnerSessions
from bench.ui.pages import bench as bench_page
from bench.ui.pages import (
    benches,
    case,
    compare,
    execution,
    execution_files,
    farm,
    live,
    metrics,
    owner,
    policies,
    streams,
)
from bench.ui.progress import BenchProgress
from bench.ui.report_cache import ReportCache
from bench.ui.sign_in import SignIn
from db.repositories.bench_search import BenchPasses

_MOST_BENCHES: Final = 500
STATIC: Final = Path(__file__).parent / "static"


@dataclass(frozen=True)
class PageSettings:
    """What a page is served with."""

    reader: sa.Engine
    """Connections of a login that is a member of bench_reader."""
    owner: OwnerSessions
    hosts: Sequence[str]
    """Host names that a browser may ask for; others are refused (DNS rebinding)."""
    sign_in: SignIn
    token: str | None = None
    """The access token; None where only this machine can connect."""


def make_app(settings: PageSettings) -> Starlette:
    """The application that serves every page."""
    routes: list[BaseRoute] = [
        *benches.routes,
        *bench_page.routes,
        *compare.routes,
        *case.routes,
        *execution_files.routes,  # before the tabs, one of which would be their name
        *execution.routes,
        *farm.routes,
        *policies.routes,
        *streams.routes,
        *metrics.routes,
        *owner.routes,
        *live.routes,
        Mount("/static", StaticFiles(directory=STATIC), name="static"),
    ]
    app = Starlette(
        routes=routes,
        exception_handlers=error_handlers(),
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(AllowedHosts, hosts=settings.hosts),
            Middleware(AccessToken, token=settings.token),
        ],
    )
    app.state.engine = settings.reader
    app.state.owner = settings.owner
    app.state.sign_in = settings.sign_in
    app.state.reports = ReportCache(settings.reader)
    app.state.passes = StateMemo[BenchPasses](_MOST_BENCHES)
    app.state.progress = StateMemo[BenchProgress](_MOST_BENCHES)
    app.state.live = LiveChanges(settings.reader, app.state.reports)
    return app
