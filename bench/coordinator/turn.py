"""Leader election: of all standing coordinators of one database, one ticks; of all schedulers, one decides."""

import contextlib
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from db.repositories import turns

TICKING: Final = "coordinator"
STREAMING: Final = "stream"


class Turn:
    """A lock bound to an open session: it is free again as soon as its holder dies, or the database does."""

    def __init__(self, engine: sa.Engine, name: str = TICKING) -> None:
        self._engine = engine
        self._name = name
        self._session: sa.Connection | None = None
        self._fence: int | None = None

    def is_mine(self) -> bool:
        """Whether this one has the turn now; taken here where nobody has it.

        `SQLAlchemyError` while the database is away; the turn is lost with it.
        """
        try:
            session = self._open()
            if self._fence is None or not turns.still_holds(session, self._name, self._fence):
                self._fence = turns.take(session, self._name)
        except SQLAlchemyError:
            self.give_up()
            raise
        return self._fence is not None

    def holder(self) -> str:
        """Who has it, in words."""
        return turns.holder(self._open(), self._name) or "unknown"

    def give_up(self) -> None:
        """End the session, and the turn with it."""
        session, self._session, self._fence = self._session, None, None
        if session is not None:
            with contextlib.suppress(SQLAlchemyError):
                session.close()

    def _open(self) -> sa.Connection:
        if self._session is None:
            self._session = self._engine.connect()
            # The turn belongs to the session: this one is closed at the end, never handed back to the pool.
            self._session.detach()
        return self._session
