"""Sign-in of the farm's owner: by a login of the database, or by a one-time link of an embedded farm."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from bench.ui.tickets import Tickets
from db.engine import open_engine
from db.privileges import may_change_benches

_FREE_FAILURES: Final = 2
_LONGEST_SECONDS: Final = 60.0
_CONNECT_SECONDS: Final = 5
_POOL: Final = 1


class SignInRefusedError(Exception):
    """A sign-in that failed; its message is for the browser and holds nothing of what was given."""


class Backoff:
    """Rate limit of failed attempts: exponential backoff over all browsers, and one attempt at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._failures, self._until = 0, 0.0

    def attempt(self, verify: Callable[[], sa.Engine]) -> sa.Engine:
        """The result of `verify`.

        Raises `SignInRefusedError` where it fails, where another attempt runs, or before the pause after failures ends.
        """
        if not self._lock.acquire(blocking=False):
            raise SignInRefusedError("another sign-in is being checked; try again")
        try:
            left = self._until - self._clock()
            if left > 0:
                raise SignInRefusedError(f"too many failed sign-ins; try again in {left:.0f} s")
            try:
                engine = verify()
            except SignInRefusedError:
                self._failures += 1
                pause = 2.0 ** (self._failures - _FREE_FAILURES) if self._failures > _FREE_FAILURES else 0.0
                self._until = self._clock() + min(pause, _LONGEST_SECONDS)
                raise
            self._failures = 0
            return engine
        finally:
            self._lock.release()


@dataclass(frozen=True)
class SignIn:
    """How an owner signs in here."""

    database_url: str = field(repr=False)
    """Of the page's own login; the owner's has the same host and database."""
    tickets: Tickets | None = None
    """Of an embedded farm; None in a fleet, where the owner gives a login and its password."""
    owner_url: Callable[[], str | None] = field(default=lambda: None, repr=False)
    """Returns the owner's URL of an embedded farm, while its database runs."""
    backoff: Backoff = field(default_factory=Backoff)

    def with_password(self, login: str, password: str) -> sa.Engine:
        """Connections of a login that may change benches; `SignInRefusedError` for any other."""
        return self.backoff.attempt(lambda: self._connected(login, password))

    def with_ticket(self, ticket: str) -> sa.Engine:
        """The owner's connections, for a valid ticket; `SignInRefusedError` for any other."""
        return self.backoff.attempt(lambda: self._redeemed(ticket))

    def _connected(self, login: str, password: str) -> sa.Engine:
        if self.tickets is not None or not login or not password:
            raise SignInRefusedError("give a login and its password")
        url = sa.make_url(self.database_url).set(username=login, password=password)
        return _checked(url.render_as_string(hide_password=False))

    def _redeemed(self, ticket: str) -> sa.Engine:
        if self.tickets is None:
            raise SignInRefusedError("this farm has no sign-in links; sign in with a login of its database")
        refusal = self.tickets.redeem(ticket)
        if refusal is not None:
            raise SignInRefusedError(f"{refusal}; make a new one with: bench ui --owner")
        url = self.owner_url()
        if url is None:
            raise SignInRefusedError("the farm's database does not run; start it with: bench up")
        return _checked(url)


def _checked(url: str) -> sa.Engine:
    engine = open_engine(url, "bench ui owner", _POOL, connect_seconds=_CONNECT_SECONDS)
    try:
        if may_change_benches(engine):
            return engine
        refusal = "this login may not change benches"
    except (OperationalError, UnicodeError):
        # The server's message names the login and the host.
        refusal = "the database refused this login and password, or cannot be reached"
    engine.dispose()
    raise SignInRefusedError(refusal)
