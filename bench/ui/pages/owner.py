"""Sign-in and actions of the farm's owner: a confirmation page for each action, whose form does it."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bench.errors import BenchError
from bench.ui.forms import check_form_token, form_of, is_encrypted, owner_of
from bench.ui.owner import COOKIE
from bench.ui.owner_actions import ACTIONS, OwnerAction
from bench.ui.render import render
from bench.ui.sign_in import SignIn, SignInRefusedError
from db.errors import DbError

_NO_RIGHT = "42501"


def owner(request: Request) -> Response:
    """The page to sign in and out."""
    return _sign_in_page(request)


async def sign_in(request: Request) -> Response:
    """Opens a session for a login and its password, or for the ticket of a one-time link."""
    form = await form_of(request)
    settings: SignIn = request.app.state.sign_in
    try:
        if "ticket" in form:
            engine = await run_in_threadpool(settings.with_ticket, form["ticket"])
        else:
            given = form.get("login", ""), form.get("password", "")
            engine = await run_in_threadpool(settings.with_password, *given)
    except SignInRefusedError as error:
        return _sign_in_page(request, status=403, refusal=str(error))
    sessions = request.app.state.owner
    sessions.close(request.cookies.get(COOKIE, ""))
    name, session = sessions.open(engine)
    session.notices.append("You are signed in as the owner of the farm.")
    response = RedirectResponse("/farm", 303)
    response.set_cookie(
        COOKIE, name, httponly=True, samesite="strict", path="/", secure=is_encrypted(request)
    )
    return response


async def sign_out(request: Request) -> Response:
    """Ends the session."""
    form = await form_of(request)
    check_form_token(owner_of(request), form)
    request.app.state.owner.close(request.cookies.get(COOKIE, ""))
    response = RedirectResponse("/owner", 303)
    response.delete_cookie(COOKIE, path="/")
    return response


def confirmation(request: Request) -> Response:
    """What an action will do, with the form that does it."""
    session, action = owner_of(request), _action(request)
    values = {name: request.query_params.get(name, "") for name in action.fields}
    return _confirmation_page(request, action, session.engine, values)


async def act(request: Request) -> Response:
    """Does an action, and shows the page of its subject."""
    form = await form_of(request)
    session, action = owner_of(request), _action(request)
    check_form_token(session, form)
    values = {name: form.get(name, "") for name in action.fields}
    return await run_in_threadpool(_act, request, action, values)


def _act(request: Request, action: OwnerAction, values: dict[str, str]) -> Response:
    session = owner_of(request)
    try:
        back = action.confirm(session.engine, values).back
        session.notices.extend(action.act(session.engine, values))
    except (BenchError, DbError) as error:
        return render(request, "error.html.j2", status=409, line=str(error))
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _NO_RIGHT:
            raise
        raise HTTPException(403, "the database does not allow this to your login") from error
    return RedirectResponse(back, 303)


def _confirmation_page(
    request: Request, action: OwnerAction, engine: sa.Engine, values: dict[str, str]
) -> Response:
    try:
        shown = action.confirm(engine, values)
    except (BenchError, DbError) as error:
        return render(request, "error.html.j2", status=409, line=str(error))
    return render(request, "confirm.html.j2", confirmation=shown, values=values)


def _action(request: Request) -> OwnerAction:
    action = ACTIONS.get(request.path_params["action"])
    if action is None:
        raise HTTPException(404)
    return action


def _sign_in_page(request: Request, status: int = 200, refusal: str | None = None) -> Response:
    settings: SignIn = request.app.state.sign_in
    ticket = "" if refusal else request.query_params.get("ticket", "")
    values: dict[str, Any] = {
        "by_link": settings.tickets is not None,
        "ticket": ticket,
        "refusal": refusal,
    }
    return render(request, "sign_in.html.j2", status=status, **values)


routes = [
    Route("/owner", owner, name="owner"),
    Route("/owner/sign-in", sign_in, methods=["POST"], name="sign_in"),
    Route("/owner/sign-out", sign_out, methods=["POST"], name="sign_out"),
    Route("/owner/actions/{action}", confirmation, name="confirm"),
    Route("/owner/actions/{action}", act, methods=["POST"], name="act"),
]
