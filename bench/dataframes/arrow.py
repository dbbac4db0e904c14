"""Report views as Arrow tables: the CSV of a COPY, parsed in batches of bounded size."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.csv as pa_csv
import sqlalchemy as sa

from db.report_copy import ViewColumn, copy_view, view_columns

_BATCH_BYTES: Final = 4 * 2**20
"""Of CSV that is in memory at once."""
_TYPES: Final = {
    "bool": pa.bool_(),
    "int2": pa.int64(),
    "int4": pa.int64(),
    "int8": pa.int64(),
    "float4": pa.float64(),
    "float8": pa.float64(),
    "numeric": pa.float64(),
    "date": pa.date32(),
    "timestamptz": pa.timestamp("us", tz="UTC"),
}


def read_view(connection: sa.Connection, view: str, bench_id: str | None = None) -> pa.Table:
    """The rows of `report.<view>`, of one bench where it is given.

    Integers are int64, other numbers float64, times in microseconds of UTC, arrays lists, and all else strings.

    Raises `DbError` where there is no such view, or it has no bench.
    """
    columns = view_columns(connection, view)
    blocks = copy_view(connection, view, columns, bench_id)
    tables = [_parsed(columns, body) for body in _batches(blocks)]
    return pa.concat_tables([_schema(columns).empty_table(), *tables])


def arrow_type(name: str) -> pa.DataType:
    """The Arrow type of a PostgreSQL type."""
    if name.startswith("_"):
        return pa.list_(arrow_type(name.removeprefix("_")))
    return _TYPES.get(name, pa.string())


def _schema(columns: Sequence[ViewColumn]) -> pa.Schema:
    return pa.schema([(column.name, arrow_type(column.type)) for column in columns])


def _batches(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Blocks of whole rows, joined."""
    batch: list[bytes] = []
    size = 0
    for block in blocks:
        batch.append(block)
        size += len(block)
        if size >= _BATCH_BYTES:
            yield b"".join(batch)
            batch, size = [], 0
    if batch:
        yield b"".join(batch)


def _parsed(columns: Sequence[ViewColumn], body: bytes) -> pa.Table:
    schema = _schema(columns)
    texts = {field.name: pa.string() if pa.types.is_list(field.type) else field.type for field in schema}
    table = pa_csv.read_csv(
        pa.BufferReader(body),
        # One block: a row never has to fit into less.
        read_options=pa_csv.ReadOptions(
            column_names=list(texts), use_threads=False, block_size=len(body) + 1
        ),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=texts,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    for at, field in enumerate(schema):
        if pa.types.is_list(field.type):
            table = table.set_column(at, field, _lists(table.column(at), field.type))
    return table


def _lists(texts: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    values = [None if text is None else json.loads(text) for text in texts.to_pylist()]
    return pa.array(values, kind)
