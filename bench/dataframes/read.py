"""One reading of a farm, from source to data frame: the body of the functions in `bench.frames`."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from bench.dataframes.arrow import read_view
from bench.dataframes.backends import check_backend, to_frame
from bench.dataframes.calls import read_calls
from bench.dataframes.source import open_source
from db.repositories.benches import Benches


def frame(
    view: str | None, bench_id: str | None, source: str | Path | None, backend: str, timeout_seconds: float
) -> Any:
    """The rows of `report.<view>`, or the metered calls where it is None, as a data frame of `backend`.

    Raises `BenchError` with one line.
    """
    check_backend(backend)
    with open_source(source, timeout_seconds) as engine:
        if bench_id is not None:
            Benches(engine).get(bench_id)
        table = read_calls(engine, bench_id) if view is None else _view(engine, view, bench_id)
    return to_frame(table, backend)


def _view(engine: sa.Engine, view: str, bench_id: str | None) -> pa.Table:
    with engine.connect() as connection:
        return read_view(connection, view, bench_id)
