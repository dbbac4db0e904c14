"""Copy of a report view out of the database: its columns with their types, and its rows as a stream of CSV (COPY)."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import psycopg
import sqlalchemy as sa
from psycopg import sql

from db.errors import DbError
from db.rows import rows_of

_VIEWS: Final = sa.text("SELECT viewname FROM pg_views WHERE schemaname = 'report' ORDER BY viewname")
_COLUMNS: Final = sa.text("""
    SELECT a.attname AS name, t.typname AS type
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
    WHERE c.relnamespace = 'report'::regnamespace AND c.relname = :view AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum""")
# The first of these that a view has orders its rows, the others those that share it.
_ORDER: Final = (
    "bench_id",
    "case_id",
    "arm_id",
    "canonical_rank",
    "execution_id",
    "attempt",
    "candidate",
    "name",
)


class ViewColumn(NamedTuple):
    """A column of a report view; `type` is PostgreSQL's own name of its type, `_text` for `text[]`."""

    name: str
    type: str

    @property
    def is_array(self) -> bool:
        """Whether its values are arrays, which are copied as JSON."""
        return self.type.startswith("_")


def view_columns(connection: sa.Connection, view: str) -> list[ViewColumn]:
    """The columns of `report.<view>` in their order.

    Raises `DbError` where there is no such view.
    """
    columns = rows_of(ViewColumn, connection.execute(_COLUMNS, {"view": view}))
    if not columns:
        views = ", ".join(connection.scalars(_VIEWS))
        raise DbError(f"there is no report view {view!r}; there is: {views}")
    return columns


def copy_view(
    connection: sa.Connection, view: str, columns: list[ViewColumn], bench_id: str | None = None
) -> Iterator[bytes]:
    """The rows of `report.<view>` as CSV without a head, in blocks of whole rows; NULL is empty and '' is `""`.

    They are ordered by the ids that the view has. `bench_id` selects the rows of one bench.

    Raises `DbError` where the view has no bench.
    """
    names = {column.name for column in columns}
    if bench_id is not None and "bench_id" not in names:
        raise DbError(f"report.{view} has no column bench_id: read it without a bench")
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    with driver.cursor() as cursor, cursor.copy(_statement(view, columns, bench_id)) as copy:
        for block in copy:
            yield bytes(block)


def _statement(view: str, columns: list[ViewColumn], bench_id: str | None) -> sql.Composed:
    names = [column.name for column in columns]
    where = sql.SQL("" if bench_id is None else " WHERE bench_id = {}").format(sql.Literal(bench_id))
    order = [sql.Identifier(name) for name in _ORDER if name in names]
    return sql.SQL("COPY (SELECT {} FROM report.{}{}{}) TO STDOUT (FORMAT csv)").format(
        sql.SQL(", ").join(map(_expression, columns)),
        sql.Identifier(view),
        where,
        sql.SQL(" ORDER BY {}").format(sql.SQL(", ").join(order)) if order else sql.SQL(""),
    )


def _expression(column: ViewColumn) -> sql.Composable:
    name = sql.Identifier(column.name)
    return sql.SQL("to_json({})").format(name) if column.is_array else name
