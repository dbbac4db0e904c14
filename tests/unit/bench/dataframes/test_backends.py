"""Backends of data frames: what is missing or unknown is one line, and tables of no rows keep their types."""

import sys

import pyarrow as pa
import pytest

from bench.dataframes.backends import check_backend, to_frame
from bench.errors import BenchError


@pytest.mark.parametrize("name", ["pandas", "polars"])
def test_a_missing_backend_names_what_installs_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BenchError, match=rf"{name} is not installed; .* pip install 'bench-farm\[frames\]'"):
        check_backend(name)


@pytest.mark.parametrize("backend", ["pandas", "polars"])
def test_missing_and_empty_values_differ(backend: str) -> None:
    table = pa.table({
        "n": pa.array([0, None], pa.int64()),
        "b": pa.array([False, None], pa.bool_()),
        "t": pa.array(["", None], pa.string()),
        "l": pa.array([[], None], pa.list_(pa.int64())),
    })  # fmt: skip
    frame = to_frame(table, backend)
    missing = frame.isna().sum().to_list() if backend == "pandas" else list(frame.null_count().row(0))
    assert missing == [1, 1, 1, 1]
    assert [frame[name][0] for name in "nbt"] == [0, False, ""]
    assert len(frame["l"][0]) == 0
