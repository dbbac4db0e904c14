"""Template rendering: Jinja2 with autoescape on, undefined names refused, and control characters made visible."""

from datetime import datetime
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from bench.config.money import format_usd
from bench.terminal import percent, seconds
from planner.system.clock import rfc3339
from planner.system.foreign_text import visible_text

NAVIGATION: Final = (
    ("Farm", "/farm"),
    ("Benches", "/benches"),
    ("Streams", "/streams"),
    ("Policies", "/policies"),
    ("Machines", "/machines"),
)


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """The response of one template. `owner` in it is the owner's session of the request, or None."""
    owner = request.app.state.owner.session(request)
    text = (
        environment()
        .get_template(template)
        .render(path=request.url.path, owner=owner, status=status, **values)
    )
    return HTMLResponse(text, status)


@cache
def environment() -> Environment:
    """The templates, for every page and for reports in one file."""
    result = Environment(
        loader=PackageLoader("bench.ui"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    result.globals["navigation"] = NAVIGATION
    result.filters.update(usd=format_usd, ms=seconds, percent=percent, when=_when)
    return result


def _visible(value: object) -> object:
    """Foreign text with its control and bidirectional characters visible; markup of the templates as it is."""
    if value is None:
        return "–"
    return visible_text(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _when(moment: datetime | None) -> str | Markup:
    if moment is None:
        return "–"
    stamp = rfc3339(moment)
    return Markup('<time datetime="{}">{}</time>').format(stamp, stamp[:16].replace("T", " "))
