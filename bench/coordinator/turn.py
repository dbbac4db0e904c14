"""Whose turn it is: of all standing coordinators of one database, one ticks; of all schedulers, one decides."""

import contextlib

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

# Any constants do; these spell "tick" and "flow".
TICKING = 0x7469636B
STREAMING = 0x666C6F77
_TAKE = sa.text("SELECT pg_try_advisory_lock(:key)")
_HOLDER = sa.text("""
    SELECT a.application_name || ', since ' || to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.objid = :key AND l.granted
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())""")


class Turn:
    """A lock held by an open session: it is free again as soon as its holder dies, or the database does."""

    def __init__(self, engine: sa.Engine, of: int = TICKING) -> None:
        self._engine = engine
        self._lock = {"key": of}
        self._session: sa.Connection | None = None
        self._mine = False

    def is_mine(self) -> bool:
        """Whether this one has the turn now; taken here where nobody has it.

        `SQLAlchemyError` while the database is away; the turn is lost with it.
        """
        try:
            session = self._open()
            if self._mine:
                session.execute(sa.text("SELECT 1"))
            else:
                self._mine = bool(session.scalar(_TAKE, self._lock))
            session.rollback()
        except SQLAlchemyError:
            self.give_up()
            raise
        return self._mine

    def holder(self) -> str:
        """Who has it, in words."""
        session = self._open()
        found = session.scalar(_HOLDER, self._lock)
        session.rollback()
        return str(found or "unknown")

    def give_up(self) -> None:
        """End the session, and the turn with it."""
        session, self._session, self._mine = self._session, None, False
        if session is not None:
            with contextlib.suppress(SQLAlchemyError):
                session.close()

    def _open(self) -> sa.Connection:
        if self._session is None:
            self._session = self._engine.connect()
            # The lock belongs to the session: this one is closed at the end, never handed back to the pool.
            self._session.detach()
        return self._session
