"""Leader election: of all coordinators of one database one is the leader, and of all stream schedulers one."""

import contextlib
from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from db.repositories import turns

COORDINATOR: Final = "coordinator"
SCHEDULER: Final = "stream"


class LeaderElection:
    """A candidate for one role. A leader holds a lock bound to its session: it ends with its process, or with the
    database."""

    def __init__(self, engine: sa.Engine, role: str = COORDINATOR) -> None:
        self._engine = engine
        self._role = role
        self._session: sa.Connection | None = None
        self._process = 0
        self._pooled = False
        self._fence: int | None = None

    def is_leader(self) -> bool:
        """Whether this candidate is the leader; it becomes the leader here where there is none.

        Raises `SQLAlchemyError` while the database is away, with which the leadership is lost.
        """
        try:
            with self._querying() as connection:
                if self._fence is None or not turns.is_current(connection, self._role, self._fence):
                    self._fence = turns.acquire(connection, self._role, self._process)
        except SQLAlchemyError:
            self.resign()
            raise
        return self._fence is not None

    def leader(self) -> str:
        """The leader in words, whichever candidate that is."""
        with self._querying() as connection:
            return turns.holder(connection, self._role) or "unknown"

    def resign(self) -> None:
        """End the session, and the leadership with it."""
        session, self._session, self._fence = self._session, None, None
        if session is not None:
            with contextlib.suppress(SQLAlchemyError):
                if self._pooled:
                    turns.disconnect(session)
                session.close()

    @contextlib.contextmanager
    def _querying(self) -> Iterator[sa.Connection]:
        """The session itself; behind a pooler, where its transaction stays open, another connection."""
        session = self._open()
        if not self._pooled:
            yield session
            return
        turns.check_alive(session)
        with self._engine.connect() as connection:
            yield connection

    def _open(self) -> sa.Connection:
        if self._session is None:
            self._session = self._engine.connect()
            # The lock belongs to the session: it is closed at the end, never returned to the pool.
            self._session.detach()
            self._process, self._pooled = turns.pin(self._session)
        return self._session
