"""Read-only session of the database: statements that somebody wrote, with a statement timeout, never committed."""

from dataclasses import dataclass
from typing import Any, Final

import psycopg
import sqlalchemy as sa

from db.errors import DbError
from db.sql_text import Statement, split_statements

READER_ROLE: Final = "bench_reader"
_IS_MEMBER: Final = """
    SELECT current_user <> %(role)s::text AND EXISTS (SELECT FROM pg_roles WHERE rolname = %(role)s)
           AND pg_has_role(%(role)s, 'MEMBER')"""
# An owner's login is a member of the reader's role, and could leave it again: the limits precede every statement. They
# are the session's and not the transaction's alone, so that they would outlive it; its rollback takes them back.
_LIMITS: Final = """
    SELECT set_config('statement_timeout', %(milliseconds)s, false),
           set_config('default_transaction_read_only', 'on', false),
           CASE WHEN %(is_member)s THEN set_config('role', %(role)s, false) END"""
_TRANSACTION_LIMITS: Final = """
    SELECT set_config('statement_timeout', %(milliseconds)s, true),
           set_config('transaction_read_only', %(read_only)s, true),
           CASE WHEN %(is_member)s THEN set_config('role', %(role)s, true) END"""
# What queries begin with. No other command is of use where nothing can be written, and some end the transaction.
_QUERIES: Final = ("SELECT", "WITH", "TABLE", "VALUES", "EXPLAIN", "SHOW")


@dataclass(frozen=True)
class QueryResult:
    """What one statement returned: its columns, unique names, and a tuple of values for each row."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def limit_statements(engine: sa.Engine, seconds: float) -> None:
    """Give every new connection of `engine` a statement timeout."""

    @sa.event.listens_for(engine, "connect")
    def _set_timeout(connection: "psycopg.Connection[tuple[Any, ...]]", _record: object) -> None:
        connection.execute(f"SET statement_timeout = {round(seconds * 1000)}")
        connection.commit()


def limit_transactions(engine: sa.Engine, seconds: float, *, read_only: bool = True) -> None:
    """Make every transaction of `engine` read-only, with a statement timeout, as `bench_reader` where its login is a
    member of that role. Without `read_only`, the functions that a reader may call can write.

    The settings are the transaction's own: a pooler gives them to nobody else. They guard against mistakes: an owner's
    login could leave the role again.
    """
    values = {
        "role": READER_ROLE,
        "milliseconds": str(max(1, round(seconds * 1000))),
        "read_only": "on" if read_only else "off",
    }

    @sa.event.listens_for(engine, "begin")
    def _limit(connection: sa.Connection) -> None:
        is_member = connection.exec_driver_sql(_IS_MEMBER, values).scalar()
        connection.exec_driver_sql(_TRANSACTION_LIMITS, {**values, "is_member": is_member})


def query(engine: sa.Engine, statements: str, timeout_seconds: float) -> list[QueryResult]:
    """Run queries in one read-only transaction, which is rolled back, and return the result of each that has one.

    They run one at a time, and the server refuses to take several for one. They run as `bench_reader` where the login
    is a member of that role, else with the login's own rights. That and the read-only transaction guard against
    mistakes: what the login may do is decided by its own rights, since a function may give it back its own role.

    Raises: `DbError` with one line where a statement is wrong, forbidden, no query, or takes longer than the timeout.
    """
    queries = split_statements(statements)
    for each in queries:
        if each.command not in _QUERIES:
            raise DbError(
                f"{each.command or each.text[:20]!r} is not possible here: all statements are queries in one read-only "
                f"transaction ({', '.join(_QUERIES)}){_position(statements, each.start)}"
            )
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        try:
            driver.read_only = True
            return _run(driver, statements, queries, timeout_seconds)
        finally:
            # Neither the role nor the settings may reach the next user of the connection.
            connection.invalidate()


def _run(
    driver: "psycopg.Connection[tuple[Any, ...]]",
    whole: str,
    queries: list[Statement],
    timeout_seconds: float,
) -> list[QueryResult]:
    results = []
    with driver.cursor() as cursor:
        (is_member,) = cursor.execute(_IS_MEMBER, {"role": READER_ROLE}).fetchone() or (False,)
        limits = {
            "milliseconds": str(max(1, round(timeout_seconds * 1000))),
            "is_member": is_member,
            "role": READER_ROLE,
        }
        for each in queries:
            cursor.execute(_LIMITS, limits)
            try:
                results += _result(driver, cursor, each.text)
            except psycopg.errors.QueryCanceled as error:
                raise DbError(f"the statement was stopped after {timeout_seconds:g} seconds") from error
            except psycopg.Error as error:
                offset = error.diag.statement_position
                at = "" if offset is None else _position(whole, each.start + int(offset) - 1)
                raise DbError(f"the statement failed: {_line(error)}{at}") from error
    return results


def _result(
    driver: "psycopg.Connection[tuple[Any, ...]]", cursor: "psycopg.Cursor[tuple[Any, ...]]", statement: str
) -> list[QueryResult]:
    """The result of one statement, as a list that is empty where it has none.

    A pipeline sends it by the extended protocol, in which the server takes no second statement, and prepares nothing,
    which a pooler could not serve.
    """
    with driver.pipeline() as pipeline:
        # As bytes: the text is nobody's template, and what it has of `%` stays as it is.
        cursor.execute(statement.encode(), prepare=False)
        pipeline.sync()
        if cursor.description is None:
            return []
        names = _unique([column.name for column in cursor.description])
        return [QueryResult(names, tuple(cursor.fetchall()))]


def _unique(names: list[str]) -> tuple[str, ...]:
    """The names, each that occurred before with its number: `count`, `count_2`."""
    return tuple(
        name if name not in names[:at] else f"{name}_{names[:at].count(name) + 1}"
        for at, name in enumerate(names)
    )


def _line(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error)).strip().splitlines()[0]


def _position(text: str, offset: int) -> str:
    """Line and column of an offset in the text, for a message."""
    before = text[:offset]
    return f" (line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))})"
