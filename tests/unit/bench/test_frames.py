"""The Python door without its libraries: one line, and nothing but the standard library to import it."""

import subprocess
import sys

import pytest

from bench.errors import BenchError
from bench.frames import outcomes


def test_a_missing_library_is_one_line_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "bench.dataframes.read", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(
        BenchError, match=r"^pyarrow is not installed; .* pip install 'bench-farm\[farm,frames\]'$"
    ):
        outcomes()


def test_importing_it_imports_no_library() -> None:
    libraries = "pandas", "polars", "pyarrow", "sqlalchemy", "psycopg"
    program = f"import sys, bench.frames; print([name for name in {libraries} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
