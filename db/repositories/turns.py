"""The locks of leader election: rows bound to a session, which only the farm's owner may write."""

from typing import Any, cast

import sqlalchemy as sa

from db.engine import is_pooled

_PROCESS = sa.text("SELECT pg_backend_pid()")
# The idle transaction holds no snapshot between statements, so it keeps no vacuum waiting.
_STAY_OPEN = sa.text("SET LOCAL idle_in_transaction_session_timeout = 0")
_ACQUIRE = sa.text("SELECT farm.take_turn(:name, coalesce(CAST(:holder AS integer), pg_backend_pid()))")
_IS_CURRENT = sa.text("SELECT EXISTS (SELECT FROM farm.turns WHERE name = :name AND fence = :fence)")
_HOLDER = sa.text("""
    SELECT t.holder || ', since ' || to_char(t.holder_started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
    FROM farm.turns t WHERE t.name = :name AND farm.holder_lives(t)""")


def pin(session: sa.Connection) -> tuple[int, bool]:
    """Keep the server process behind `session` for as long as the session is open.

    Returns the server process, and whether a pooler serves the connection. Behind a pooler a transaction stays open in
    `session`, and every query needs another connection.
    """
    process = int(session.scalar(_PROCESS))
    driver: Any = session.connection.dbapi_connection
    if is_pooled(driver, process):
        session.execute(_STAY_OPEN)
        return process, True
    session.rollback()
    return process, False


def check_alive(session: sa.Connection) -> None:
    """Raise `SQLAlchemyError` where the server process of `session` has ended."""
    session.execute(_PROCESS)


def disconnect(session: sa.Connection) -> None:
    """Close a pinned session behind a pooler: cut off in its transaction, it ends the server's session, too."""
    driver: Any = session.connection.dbapi_connection
    driver.close()


def acquire(connection: sa.Connection, name: str, process: int | None = None) -> int | None:
    """Acquire lock `name` for server process `process`, by default that of `connection`.

    Returns the fencing token, which rises with every holder; the same one where that process holds the lock already;
    None while another one does.
    """
    fence = cast(int | None, connection.scalar(_ACQUIRE, {"name": name, "holder": process}))
    connection.commit()
    return fence


def is_current(connection: sa.Connection, name: str, fence: int) -> bool:
    """Whether `fence` is still the highest fencing token of lock `name`; one read, no write."""
    held = bool(connection.scalar(_IS_CURRENT, {"name": name, "fence": fence}))
    connection.rollback()
    return held


def holder(connection: sa.Connection, name: str) -> str | None:
    """The holder of lock `name` and since when, in words; None where it is free."""
    words = cast(str | None, connection.scalar(_HOLDER, {"name": name}))
    connection.rollback()
    return words
