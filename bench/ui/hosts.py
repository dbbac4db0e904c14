"""Host header check: a page of another site that resolves its name to this machine reaches nothing (DNS rebinding)."""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class AllowedHosts:
    """ASGI middleware that refuses requests for any other host name; `*` allows all."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self._app, self._hosts = app, frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or "*" in self._hosts or host_of(Headers(scope=scope)) in self._hosts:
            await self._app(scope, receive, send)
            return
        line = "this page is not served under that host name; allow it with: bench ui --host-name NAME\n"
        await PlainTextResponse(line, 421)(scope, receive, send)


def host_of(headers: Headers) -> str:
    """The host name of a request, without its port."""
    host = headers.get("host", "").lower()
    return host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
