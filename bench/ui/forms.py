"""Posted forms: parsing, and the checks that the browser posted them from a page of this server (CSRF)."""

from collections.abc import Mapping
from secrets import compare_digest
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request

from bench.ui.owner import OwnerSession

_LONGEST_BYTES: Final = 16 * 1024
_MOST_FIELDS: Final = 20
_NOT_SIGNED_IN: Final = "only the farm's owner may do this; sign in first, on the page /owner"


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form that this server's own page posted.

    Raises `HTTPException`: 403 where the Origin header is of another server, 413 and 400 for what is no form.
    """
    if not is_same_origin(request):
        raise HTTPException(
            403, "this form was sent from another site; open the page again, and send it there"
        )
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_BYTES:
            raise HTTPException(413, "the form is too long")
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=_MOST_FIELDS
        )
    except ValueError as error:
        raise HTTPException(400, "this is no form") from error
    return dict(pairs)


def is_same_origin(request: Request) -> bool:
    """Whether the Origin header names the host that the request went to."""
    origin = urlsplit(request.headers.get("origin", ""))
    return bool(origin.netloc) and origin.netloc.lower() == request.headers.get("host", "").lower()


def is_encrypted(request: Request) -> bool:
    """Whether the browser uses HTTPS, which a proxy in front of this server may end."""
    return "https" in (request.url.scheme, urlsplit(request.headers.get("origin", "")).scheme)


def owner_of(request: Request) -> OwnerSession:
    """The owner's session of a request. Raises `HTTPException` 403 where nobody signed in."""
    session: OwnerSession | None = request.app.state.owner.session(request)
    if session is None:
        raise HTTPException(403, _NOT_SIGNED_IN)
    return session


def check_form_token(session: OwnerSession, form: Mapping[str, str]) -> None:
    """Raises `HTTPException` 403 unless the form is of this session."""
    if not compare_digest(form.get("form_token", "").encode(), session.form_token.encode()):
        raise HTTPException(403, "this form is of an earlier session; open the page again, and send it there")
