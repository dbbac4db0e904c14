"""Bearer token of the page, by header, or once as a parameter and then by cookie."""

import secrets
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from starlette.datastructures import Headers, QueryParams
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE = "bench_page"


class AccessToken:
    """ASGI middleware that asks for the token; where `token` is None it asks for none."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or self._token is None or self._is_known(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        query = QueryParams(scope["query_string"])
        if _equal(query.get("token", ""), self._token):
            # The address bar, the history and the Referer header keep no token.
            others = urlencode([(key, value) for key, value in query.multi_items() if key != "token"])
            response = RedirectResponse(scope["path"] + (f"?{others}" if others else ""), 303)
            response.set_cookie(COOKIE, self._token, httponly=True, samesite="strict", path="/")
            await response(scope, receive, send)
            return
        line = "this page needs its token: open the address with ?token=…, as `bench ui` prints it\n"
        await PlainTextResponse(line, 401)(scope, receive, send)

    def _is_known(self, headers: Headers) -> bool:
        assert self._token is not None
        cookies = SimpleCookie(headers.get("cookie", ""))
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        cookie = cookies[COOKIE].value if COOKIE in cookies else ""
        return _equal(bearer, self._token) or _equal(cookie, self._token)


def _equal(given: str, token: str) -> bool:
    return secrets.compare_digest(given.encode(), token.encode())
