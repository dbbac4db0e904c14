"""Error pages: one line that says what was wrong; the traceback goes to the log alone."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bench.errors import BenchError
from bench.ui.render import render
from db.errors import DbError


class NoSuchPageError(BenchError):
    """There is nothing at this address."""


Handler = Callable[[Request, Exception], Response]


def error_handlers() -> Mapping[Any, Handler]:
    """Exception class or status to the handler that answers it."""
    return {
        HTTPException: _of_http,
        DbError: _not_found,
        BenchError: _not_found,
        OperationalError: _no_database,
        Exception: _failure,
    }


def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    line = "there is no such page" if error.status_code == 404 else error.detail
    return render(request, "error.html.j2", status=error.status_code, line=line)


def _not_found(request: Request, error: Exception) -> Response:
    return render(request, "error.html.j2", status=404, line=str(error))


def _no_database(request: Request, _error: Exception) -> Response:
    line = "the database cannot be reached; the page tries again when it is loaded again"
    return render(request, "error.html.j2", status=503, line=line)


def _failure(request: Request, _error: Exception) -> Response:
    line = "the page failed; its log has the traceback"
    return render(request, "error.html.j2", status=500, line=line)
