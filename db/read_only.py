"""Read-only session of the database: statements that somebody wrote, with a statement timeout, never committed."""

import re
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from psycopg import sql

from db.errors import DbError

READER_ROLE: Final = "bench_reader"
_IS_MEMBER: Final = """
    SELECT current_user <> %(role)s::text AND EXISTS (SELECT FROM pg_roles WHERE rolname = %(role)s)
           AND pg_has_role(%(role)s, 'MEMBER')"""
# A statement that ends the transaction would end its limits with it.
_ENDS_TRANSACTION: Final = re.compile(
    r"(?:\A|;)\s*(commit|end|abort|rollback|begin|start|prepare|set|reset|discard)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class QueryResult:
    """What one statement returned: its columns, unique names, and a tuple of values for each row."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def query(engine: sa.Engine, statements: str, timeout_seconds: float) -> list[QueryResult]:
    """Run statements in one read-only transaction, which is rolled back, and return the result of each that has one.

    They run as `bench_reader` where the login is a member of that role, else with the login's own rights. That and the
    read-only transaction guard against mistakes: what the login may do is decided by its own rights.

    Raises: `DbError` with one line where a statement is wrong, forbidden, writes, controls the transaction, or takes
    longer than the timeout.
    """
    control = _ENDS_TRANSACTION.search(statements)
    if control is not None:
        raise DbError(
            f"{control[1].upper()} is not possible here: all statements are in one read-only transaction"
        )
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        try:
            driver.read_only = True
            return _run(driver, statements, timeout_seconds)
        finally:
            # Neither the role nor the settings may reach the next user of the connection.
            connection.invalidate()


def _run(
    driver: "psycopg.Connection[tuple[Any, ...]]", statements: str, timeout_seconds: float
) -> list[QueryResult]:
    with driver.cursor() as cursor:
        (is_member,) = cursor.execute(_IS_MEMBER, {"role": READER_ROLE}).fetchone() or (False,)
        if is_member:
            cursor.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(READER_ROLE)))
        milliseconds = str(max(1, round(timeout_seconds * 1000)))
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [milliseconds])
        try:
            # As bytes: the text is nobody's template, and what it has of `%` stays as it is.
            cursor.execute(statements.encode())
            return _results(cursor)
        except psycopg.errors.QueryCanceled as error:
            raise DbError(f"the statement was stopped after {timeout_seconds:g} seconds") from error
        except psycopg.Error as error:
            raise DbError(f"the statement failed: {_line(error)}{_position(statements, error)}") from error


def _results(cursor: "psycopg.Cursor[tuple[Any, ...]]") -> list[QueryResult]:
    results = []
    while True:
        if cursor.description is not None:
            names = _unique([column.name for column in cursor.description])
            results.append(QueryResult(names, tuple(cursor.fetchall())))
        if not cursor.nextset():
            return results


def _unique(names: list[str]) -> tuple[str, ...]:
    """The names, each that occurred before with its number: `count`, `count_2`."""
    return tuple(
        name if name not in names[:at] else f"{name}_{names[:at].count(name) + 1}"
        for at, name in enumerate(names)
    )


def _line(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error)).strip().splitlines()[0]


def _position(statements: str, error: psycopg.Error) -> str:
    """Line and column of the error, where the server names its position."""
    position = error.diag.statement_position
    if position is None:
        return ""
    before = statements[: int(position) - 1]
    return f" (line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))})"
