"""A row has the columns of its query, or reading it raises."""

from typing import NamedTuple

import pytest
import sqlalchemy as sa

from db.errors import RowMismatchError
from db.rows import documents, read_first, read_one, read_rows, row_of_document, rows_of


class Pair(NamedTuple):
    left: int
    right: str | None


@pytest.fixture(scope="module")
def engine() -> sa.Engine:
    return sa.create_engine("sqlite://")


def test_rows_have_the_values_of_their_columns(engine: sa.Engine) -> None:
    query = sa.text("SELECT 1 AS left, 'a' AS right UNION ALL SELECT :n, NULL ORDER BY 1")
    assert read_rows(engine, Pair, query, {"n": 2}) == [Pair(1, "a"), Pair(2, None)]
    assert read_first(engine, Pair, query, {"n": 2}) == Pair(1, "a")
    assert documents(read_rows(engine, Pair, query, {"n": 2}))[1] == {"left": 2, "right": None}


def test_there_may_be_no_first_row_but_one_row_is_one(engine: sa.Engine) -> None:
    query = sa.text("SELECT 1 AS left, 'a' AS right WHERE :there")
    assert read_first(engine, Pair, query, {"there": False}) is None
    assert read_one(engine, Pair, query, {"there": True}) == Pair(1, "a")
    with pytest.raises(ValueError, match="not enough values"):
        read_one(engine, Pair, query, {"there": False})


@pytest.mark.parametrize(
    "columns",
    [
        "1 AS left",
        "1 AS left, 2 AS right, 3 AS further",
        "1 AS left, 2 AS rihgt",
        # Two columns of one type that changed places would change no type.
        "1 AS right, 2 AS left",
    ],
)
def test_other_columns_raise_even_without_a_row(engine: sa.Engine, columns: str) -> None:
    with pytest.raises(RowMismatchError, match="Pair has the fields left, right; the query returns "):
        read_rows(engine, Pair, sa.text(f"SELECT {columns} WHERE false"))


def test_a_column_of_json_is_parsed_into_its_field(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        result = connection.execute(sa.text("SELECT '7' AS left, 'a' AS right"))
        assert rows_of(Pair, result, left=int) == [Pair(7, "a")]


def test_a_json_object_is_a_row_whatever_its_order() -> None:
    assert row_of_document(Pair, {"right": "a", "left": 1}) == Pair(1, "a")
    for document in ({"left": 1}, {"left": 1, "right": "a", "further": 0}, {"left": 1, "rihgt": "a"}):
        with pytest.raises(RowMismatchError):
            row_of_document(Pair, document)
