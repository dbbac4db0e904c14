"""Sessions of the farm's owner: who signed in may change benches and machines from the page."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa
from starlette.requests import Request

COOKIE: Final = "bench_owner"
IDLE_SECONDS: Final = 1800.0


@dataclass
class OwnerSession:
    """A signed-in owner. Its id is a secret of one browser; `form_token` guards forms against other sites (CSRF)."""

    engine: sa.Engine = field(repr=False)
    """Connections of the login that signed in."""
    used_at: float
    form_token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)


class OwnerSessions:
    """Sessions by their secret id, in memory alone: they end with the process, and when idle."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: dict[str, OwnerSession] = {}

    def open(self, engine: sa.Engine) -> tuple[str, OwnerSession]:
        """Start a session with the connections of a login. Returns its id, for the cookie, and the session."""
        name, session = secrets.token_urlsafe(32), OwnerSession(engine, self._clock())
        self._sessions[name] = session
        return name, session

    def session(self, request: Request) -> OwnerSession | None:
        """The session of a request; None where nobody signed in, or it was idle for too long."""
        name = request.cookies.get(COOKIE, "")
        session = self._sessions.get(name)
        if session is None:
            return None
        if self._clock() - session.used_at > IDLE_SECONDS:
            self.close(name)
            return None
        session.used_at = self._clock()
        return session

    def close(self, name: str) -> None:
        """End a session; idempotent."""
        session = self._sessions.pop(name, None)
        if session is not None:
            session.engine.dispose()
