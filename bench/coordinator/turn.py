"""Leader election: of all standing coordinators of one database, one ticks; of all schedulers, one decides."""

import contextlib
from collections.abc import Iterator
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
        self._process = 0
        self._pooled = False
        self._fence: int | None = None

    def is_mine(self) -> bool:
        """Whether this one has the turn now; taken here where nobody has it.

        `SQLAlchemyError` while the database is away; the turn is lost with it.
        """
        try:
            with self._asking() as connection:
                if self._fence is None or not turns.still_holds(connection, self._name, self._fence):
                    self._fence = turns.take(connection, self._name, self._process)
        except SQLAlchemyError:
            self.give_up()
            raise
        return self._fence is not None

    def holder(self) -> str:
        """Who has it, in words."""
        with self._asking() as connection:
            return turns.holder(connection, self._name) or "unknown"

    def give_up(self) -> None:
        """End the session, and the turn with it."""
        session, self._session, self._fence = self._session, None, None
        if session is not None:
            with contextlib.suppress(SQLAlchemyError):
                if self._pooled:
                    turns.leave(session)
                session.close()

    @contextlib.contextmanager
    def _asking(self) -> Iterator[sa.Connection]:
        """The session itself; behind a pooler, where that has to keep still, another connection beside it."""
        session = self._open()
        if not self._pooled:
            yield session
            return
        turns.still_sits(session)
        with self._engine.connect() as connection:
            yield connection

    def _open(self) -> sa.Connection:
        if self._session is None:
            self._session = self._engine.connect()
            # The turn belongs to the session: this one is closed at the end, never handed back to the pool.
            self._session.detach()
            self._process, self._pooled = turns.sit_down(self._session)
        return self._session
