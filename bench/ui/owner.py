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
    notices: list[str] = field(default_factory=list)
    """What was done, for the next whole page to show once."""

    def take_notices(self) -> list[str]:
        """The notices, which are empty afterwards."""
        taken, self.notices = self.notices, []
        return taken


class OwnerSessions:
    """Sessions by their secret id, in memory alone: they end with the process, and when idle."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: dict[str, OwnerSession] = {}

    def open(self, engine: sa.Engine) -> tuple[str, OwnerSession]:
        """Start a session with the connections of a login. Returns its id, for the cookie, and the session."""
        for left in [name for name, session in self._sessions.items() if self._is_idle(session)]:
            self.close(left)
        name, session = secrets.token_urlsafe(32), OwnerSession(engine, self._clock())
        self._sessions[name] = session
        return name, session

    def session(self, request: Request) -> OwnerSession | None:
        """The session of a request; None where nobody signed in, or it was idle for too long."""
        name = request.cookies.get(COOKIE, "")
        session = self._sessions.get(name)
        if session is None:
            return None
        if self._is_idle(session):
            self.close(name)
            return None
        # A section that follows a running bench by itself is no sign that the owner is there.
        if "hx-request" not in request.headers:
            session.used_at = self._clock()
        return session

    def _is_idle(self, session: OwnerSession) -> bool:
        return self._clock() - session.used_at > IDLE_SECONDS

    def close_all(self) -> None:
        """End every session."""
        for name in list(self._sessions):
            self.close(name)

    def close(self, name: str) -> None:
        """End a session; idempotent."""
        session = self._sessions.pop(name, None)
        if session is not None:
            session.engine.dispose()
