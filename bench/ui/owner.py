"""Sessions of the farm's owner: who signed in may change benches and machines from the page."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from bench.ui.tickets import Tickets
from db.engine import open_engine
from db.logins import may_change_benches

COOKIE: Final = "bench_owner"
IDLE_SECONDS: Final = 1800.0
_MOST_SESSIONS: Final = 20
_PAUSE_SECONDS: Final = 2.0
"""Between two failed sign-ins, whoever tries."""


@dataclass
class OwnerSession:
    """A signed-in owner. Its id is a secret of one browser; `form_token` guards forms against other sites (CSRF)."""

    engine: sa.Engine = field(repr=False)
    """Connections of the login that signed in."""
    used_at: float
    form_token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)


@dataclass(frozen=True)
class SignIn:
    """How the owner proves to be it: by a login of the database, or by a ticket of the embedded farm."""

    database_url: str = field(repr=False)
    """Of the database: a login and its password replace those in it; a ticket's owner connects with it as it is."""
    tickets: Tickets | None = None
    """None in a fleet."""


class OwnerSessions:
    """Sessions by their secret id, in memory alone: they end with the process, and when idle."""

    def __init__(self, sign_in: SignIn | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Without `sign_in` nobody can sign in, and the page only reads."""
        self._sign_in, self._clock = sign_in, clock
        self._sessions: dict[str, OwnerSession] = {}
        self._not_before = 0.0

    @property
    def by_password(self) -> bool:
        """Whether a login and its password are asked for."""
        return self._sign_in is not None and self._sign_in.tickets is None

    @property
    def is_possible(self) -> bool:
        """Whether anybody can sign in."""
        return self._sign_in is not None

    def with_ticket(self, ticket: str) -> str | None:
        """Start a session by a one-time ticket. Returns its id for the cookie; None where the ticket is not valid."""
        known = self._sign_in
        if known is None or known.tickets is None or not known.tickets.redeem(ticket):
            return None
        return self._open(open_engine(known.database_url, "bench ui owner", 2))

    def with_password(self, login: str, password: str) -> str | None:
        """Start a session by a login of the database that may change benches; None where it may not, or is wrong.

        Raises `HTTPException` (429) within two seconds after a failed one.
        """
        assert self._sign_in is not None
        if self._clock() < self._not_before:
            raise HTTPException(429, "a sign-in failed just now; wait two seconds")
        url = sa.make_url(self._sign_in.database_url).set(username=login, password=password)
        engine = open_engine(url.render_as_string(hide_password=False), "bench ui owner", 2)
        try:
            if may_change_benches(engine):
                return self._open(engine)
        except SQLAlchemyError:
            pass
        engine.dispose()
        self._not_before = self._clock() + _PAUSE_SECONDS
        return None

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

    def close_all(self) -> None:
        """End every session, as the process ends."""
        for name in list(self._sessions):
            self.close(name)

    def _open(self, engine: sa.Engine) -> str:
        while len(self._sessions) >= _MOST_SESSIONS:
            self.close(min(self._sessions, key=lambda name: self._sessions[name].used_at))
        name = secrets.token_urlsafe(32)
        self._sessions[name] = OwnerSession(engine, self._clock())
        return name
