"""What the owner can do from the page: sign in and out, cancel and resume benches, set caps, trust machines.

Each change has a page that names it and asks; the form there posts it, and answers with a redirect.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bench.config.errors import ConfigError
from bench.config.money import to_micro_usd
from bench.errors import BenchError
from bench.ui.owner import COOKIE, OwnerSession
from bench.ui.render import render
from db.errors import DbError
from db.repositories.benches import Benches, CapChanges
from db.repositories.machines import Machines

_MOST_BYTES: Final = 10_000


@dataclass(frozen=True)
class OwnerAction:
    """A change: what its page asks, the field that it needs, and what it does."""

    question: str
    """With {key} for what it is about."""
    field: str | None
    """The label of its one field."""
    may_be_empty: bool
    back: Callable[[str], str]
    """The page to return to."""
    do: Callable[[sa.Engine, str, str], None]
    """Raises `BenchError`, `ConfigError` or `DbError` where it is not possible."""


def _cancel(engine: sa.Engine, bench_id: str, _text: str) -> None:
    Benches(engine).cancel(bench_id)


def _resume(engine: sa.Engine, bench_id: str, text: str) -> None:
    Benches(engine).resume(bench_id, CapChanges(micro_usd=to_micro_usd(text) if text else None))


def _trust(engine: sa.Engine, machine_id: str, _text: str) -> None:
    if not Machines(engine).trust_again(machine_id):
        raise BenchError(f"unknown machine {machine_id!r}")


def _daily(engine: sa.Engine, _key: str, text: str) -> None:
    Benches(engine).set_daily_cap(None if text == "none" else to_micro_usd(text))


def _bench_page(bench_id: str) -> str:
    return f"/benches/{quote(bench_id, safe='')}"


ACTIONS: Final = {
    "cancel": OwnerAction(
        "Cancel {key}? What waits is dropped, and running executions stop within a heartbeat.",
        None,
        True,
        _bench_page,
        _cancel,
    ),
    "resume": OwnerAction(
        "Resume {key}? Skipped cases wait again.",
        "New cap in dollars; empty keeps it",
        True,
        _bench_page,
        _resume,
    ),
    "trust": OwnerAction(
        "Give work to machine {key} again? Remove the cause of its failures first.",
        None,
        True,
        lambda _: "/machines",
        _trust,
    ),
    "daily-cap": OwnerAction(
        "Set the cap of a day on the spend of the whole farm? It applies at once: running executions beyond it stop.",
        "Dollars a day, or none",
        False,
        lambda _: "/farm",
        _daily,
    ),
}


def sign_in(request: Request) -> Response:
    """The form to sign in; a valid ticket in the address signs in at once."""
    sessions = request.app.state.owner
    ticket = request.query_params.get("ticket")
    if ticket is None:
        return render(request, "sign_in.html.j2", sessions=sessions, line=None)
    name = sessions.with_ticket(ticket)
    if name is None:
        line = "that link is used or expired; print another with: bench ui --owner"
        return render(request, "sign_in.html.j2", status=403, sessions=sessions, line=line)
    return _signed_in(request, name)


async def post_sign_in(request: Request) -> Response:
    """Sign in with a login of the database and its password."""
    _check_origin(request)
    form, sessions = await _form(request), request.app.state.owner
    if not sessions.by_password:
        raise HTTPException(403, "sign in with the link that this prints: bench ui --owner")
    name = await run_in_threadpool(sessions.with_password, form.get("login", ""), form.get("password", ""))
    if name is None:
        line = "the database does not accept that login and password, or the login may not change benches"
        return render(request, "sign_in.html.j2", status=403, sessions=sessions, line=line)
    return _signed_in(request, name)


async def sign_out(request: Request) -> Response:
    """End the session."""
    await _checked(request)
    request.app.state.owner.close(request.cookies.get(COOKIE, ""))
    response = RedirectResponse("/", 303)
    response.delete_cookie(COOKIE)
    return response


def ask(request: Request) -> Response:
    """The page that names a change and asks."""
    action, key = _action(request)
    if request.app.state.owner.session(request) is None:
        return RedirectResponse("/sign-in", 303)
    return _question(request, action, key)


async def act(request: Request) -> Response:
    """Make the change."""
    session, form = await _checked(request)
    action, key = _action(request)
    text = form.get("value", "").strip().removeprefix("$")
    if not text and not action.may_be_empty:
        return _question(request, action, key, "give an amount", 400)
    try:
        await run_in_threadpool(action.do, session.engine, key, text)
    except (BenchError, ConfigError, DbError) as error:
        return _question(request, action, key, str(error), 400)
    return RedirectResponse(action.back(key), 303)


def _question(
    request: Request, action: OwnerAction, key: str, line: str | None = None, status: int = 200
) -> Response:
    values = {"question": action.question.format(key=key), "field": action.field, "back": action.back(key)}
    return render(request, "owner_action.html.j2", status=status, line=line, **values)


def _action(request: Request) -> tuple[OwnerAction, str]:
    action = ACTIONS.get(request.path_params["action"])
    if action is None:
        raise HTTPException(404)
    return action, request.path_params["key"]


async def _checked(request: Request) -> tuple[OwnerSession, dict[str, str]]:
    """The owner's session and the form, which came from a page of this site. Raises `HTTPException`."""
    _check_origin(request)
    session = request.app.state.owner.session(request)
    if session is None:
        raise HTTPException(403, "only the farm's owner may do this: sign in first")
    form = await _form(request)
    if not secrets.compare_digest(form.get("form_token", "").encode(), session.form_token.encode()):
        raise HTTPException(403, "this form is of an older session; load the page again")
    return session, form


def _check_origin(request: Request) -> None:
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403, "this form was sent from another site")


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise HTTPException(413, "this form is too large")
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=10)
    return {key: values[-1] for key, values in fields.items()}


def _signed_in(request: Request, name: str) -> Response:
    response = RedirectResponse("/", 303)
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, name, httponly=True, samesite="strict", secure=secure, path="/")
    return response


routes = [
    Route("/sign-in", sign_in, name="sign_in"),
    Route("/sign-in", post_sign_in, methods=["POST"]),
    Route("/sign-out", sign_out, methods=["POST"]),
    Route("/owner/{action}/{key:path}", ask, name="owner_action"),
    Route("/owner/{action}/{key:path}", act, methods=["POST"]),
]
