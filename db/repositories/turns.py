"""Turns: session-bound locks (leader election) as rows that only the farm's owner may write."""

from typing import cast

import sqlalchemy as sa

_TAKE = sa.text("SELECT farm.take_turn(:name)")
_HOLDS = sa.text("SELECT EXISTS (SELECT FROM farm.turns WHERE name = :name AND fence = :fence)")
_HOLDER = sa.text("""
    SELECT t.holder || ', since ' || to_char(t.holder_started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
    FROM farm.turns t WHERE t.name = :name AND farm.holder_lives(t)""")


def take(session: sa.Connection, name: str) -> int | None:
    """The fence with which `session` holds turn `name`, taken here where it is free; None while another holds it.

    Fences only rise: whoever took the turn later has the higher one.
    """
    fence = cast(int | None, session.scalar(_TAKE, {"name": name}))
    session.commit()
    return fence


def still_holds(session: sa.Connection, name: str, fence: int) -> bool:
    """Whether nobody took turn `name` since `fence` was given out; one read, no write."""
    held = bool(session.scalar(_HOLDS, {"name": name, "fence": fence}))
    session.rollback()
    return held


def holder(session: sa.Connection, name: str) -> str | None:
    """Who holds turn `name` and since when, in words; None where it is free."""
    found = cast(str | None, session.scalar(_HOLDER, {"name": name}))
    session.rollback()
    return found
