"""Turns: session-bound locks (leader election) as rows that only the farm's owner may write."""

from typing import Any, cast

import sqlalchemy as sa

from db.engine import is_pooled

_SIT = sa.text("SELECT pg_backend_pid()")
# It holds no snapshot between statements, so it keeps no vacuum waiting.
_STAY = sa.text("SET LOCAL idle_in_transaction_session_timeout = 0")
_TAKE = sa.text("SELECT farm.take_turn(:name, coalesce(CAST(:holder AS integer), pg_backend_pid()))")
_HOLDS = sa.text("SELECT EXISTS (SELECT FROM farm.turns WHERE name = :name AND fence = :fence)")
_HOLDER = sa.text("""
    SELECT t.holder || ', since ' || to_char(t.holder_started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
    FROM farm.turns t WHERE t.name = :name AND farm.holder_lives(t)""")


def sit_down(session: sa.Connection) -> tuple[int, bool]:
    """The server process of `session`, and whether a pooler had to be kept from giving it to others.

    Then a transaction stays open in `session`, and questions are asked by another connection.
    """
    process = int(session.scalar(_SIT))
    driver: Any = session.connection.dbapi_connection
    if is_pooled(driver, process):
        session.execute(_STAY)
        return process, True
    session.rollback()
    return process, False


def still_sits(session: sa.Connection) -> None:
    """`SQLAlchemyError` where the session is gone."""
    session.execute(_SIT)


def leave(session: sa.Connection) -> None:
    """End the session that sat down behind a pooler: cut off in its transaction, it takes the server's with it."""
    driver: Any = session.connection.dbapi_connection
    driver.close()


def take(connection: sa.Connection, name: str, process: int | None = None) -> int | None:
    """The fence with which `connection` holds turn `name`, taken here where it is free; None while another holds it.

    `process` is the server process of another session that is to hold it.

    Fences only rise: whoever took the turn later has the higher one.
    """
    fence = cast(int | None, connection.scalar(_TAKE, {"name": name, "holder": process}))
    connection.commit()
    return fence


def still_holds(connection: sa.Connection, name: str, fence: int) -> bool:
    """Whether nobody took turn `name` since `fence` was given out; one read, no write."""
    held = bool(connection.scalar(_HOLDS, {"name": name, "fence": fence}))
    connection.rollback()
    return held


def holder(connection: sa.Connection, name: str) -> str | None:
    """Who holds turn `name` and since when, in words; None where it is free."""
    found = cast(str | None, connection.scalar(_HOLDER, {"name": name}))
    connection.rollback()
    return found
