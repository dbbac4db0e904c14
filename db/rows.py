"""Typed rows: the columns of a query are the fields of a named tuple, compared each time the query is read.

A column that is renamed, added or missing raises here, also where the query has no rows; a field that is renamed
is a type error wherever it is read.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from db.errors import RowMismatchError

Row = TypeVar("Row", bound=NamedTuple)


def rows_of(row_type: type[Row], result: sa.CursorResult[Any], **parse: Callable[[Any], object]) -> list[Row]:
    """All rows of `result`; `RowMismatchError` unless its columns are the fields of `row_type`, in their order.

    `parse` maps columns that hold JSON to what turns their values into those of the field.
    """
    names = tuple(result.keys())
    _compare(row_type, names)
    if not parse:
        return [row_type._make(row) for row in result]
    parsers: list[Callable[[Any], object]] = [parse.get(name, _as_it_is) for name in names]
    return [
        row_type._make(parser(value) for parser, value in zip(parsers, row, strict=True)) for row in result
    ]


def read_rows(
    engine: sa.Engine, row_type: type[Row], statement: sa.TextClause, values: Mapping[str, Any] | None = None
) -> list[Row]:
    """All rows of one query, read in a transaction of its own."""
    with engine.connect() as connection:
        return rows_of(row_type, connection.execute(statement, dict(values or {})))


def read_first(
    engine: sa.Engine, row_type: type[Row], statement: sa.TextClause, values: Mapping[str, Any] | None = None
) -> Row | None:
    """The first row of one query; None where it has none."""
    return next(iter(read_rows(engine, row_type, statement, values)), None)


def read_one(
    engine: sa.Engine, row_type: type[Row], statement: sa.TextClause, values: Mapping[str, Any] | None = None
) -> Row:
    """The row of a query that always has exactly one, such as an aggregate without groups."""
    (row,) = read_rows(engine, row_type, statement, values)
    return row


def row_of_document(row_type: type[Row], document: Mapping[str, Any]) -> Row:
    """A JSON object that a query builds, as a row; `RowMismatchError` unless its keys are the fields, in any order."""
    if document.keys() != set(row_type._fields):
        _compare(row_type, tuple(document))
    return row_type._make(document[name] for name in row_type._fields)


def documents(rows: Iterable[NamedTuple]) -> list[dict[str, Any]]:
    """The rows as JSON objects."""
    return [row._asdict() for row in rows]


def _as_it_is(value: Any) -> Any:
    return value


def _compare(row_type: type[Row], columns: tuple[str, ...]) -> None:
    if columns != row_type._fields:
        raise RowMismatchError(row_type.__name__, row_type._fields, columns)
