"""Arrow tables as data frames of pandas or polars, with NULL kept apart from every value."""

from importlib import import_module
from typing import Any

import pyarrow as pa

from bench.errors import BenchError


def check_backend(name: str) -> None:
    """Check that the backend is known and installed, before anything is read.

    Raises `BenchError` with the command that installs it.
    """
    if name not in ("pandas", "polars"):
        raise BenchError(f"there is no backend {name!r}; there is: pandas, polars")
    _library(name)


def to_frame(table: pa.Table, backend: str) -> Any:
    """The table as a `pandas.DataFrame` or a `polars.DataFrame`.

    In pandas integers are Int64, booleans boolean and texts string, whose missing values are `pd.NA`; times are
    datetime64[us, UTC]; a missing number is NaN; lists are Arrow's. polars has its own types of each.
    """
    library = _library(backend)
    if backend == "polars":
        return library.from_arrow(table)
    kinds = {
        pa.int64(): library.Int64Dtype(),
        pa.bool_(): library.BooleanDtype(),
        pa.string(): library.StringDtype("pyarrow"),
    }

    def dtype_of(kind: pa.DataType) -> Any:
        return library.ArrowDtype(kind) if pa.types.is_list(kind) else kinds.get(kind)

    return table.to_pandas(types_mapper=dtype_of, date_as_object=False)


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise BenchError(
            f"{name} is not installed; install it with: pip install 'bench-farm[frames]'"
        ) from None
