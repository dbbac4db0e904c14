"""The house: imports only go down, and what a kernel embeds stays light."""

import ast
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("planner", "db", "workers", "bench", "migrations")
HEAVY = {"torch", "onnx", "sqlalchemy", "celery", "redis", "kombu", "psycopg", "alembic", "rich", "pyarrow"}


def _loaded_after(statement: str) -> set[str]:
    """The top-level modules of a fresh interpreter after `statement`."""
    code = f"{statement}\nimport sys\nprint('\\n'.join({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["planner.actions", "planner.space.baseline", "planner.documents.bench"])
def test_the_planner_floor_loads_nothing_of_the_farm(module: str) -> None:
    assert find_spec(module) is not None
    loaded = _loaded_after(f"import {module}")
    assert not loaded & (HEAVY | {"db", "workers", "bench"})


def test_the_command_line_starts_without_the_queue_and_the_database_driver() -> None:
    loaded = _loaded_after("import bench.cli.main")
    assert not loaded & {"celery", "kombu", "psycopg", "pyarrow", "alembic"}


def test_a_page_that_nobody_opens_loads_no_statistics() -> None:
    assert not _loaded_after("import bench.ui.app") & {"scipy", "sklearn", "statsmodels", "pandas", "torch"}


def test_packages_begin_with_a_docstring_and_hold_nothing_else() -> None:
    """An `__init__` that imports would defeat the fresh-interpreter tests unseen."""
    for floor in FLOORS:
        for path in (ROOT / floor).rglob("__init__.py"):
            if "corpus_data" in path.parts:
                continue
            body = path.read_text(encoding="utf-8").strip()
            assert re.fullmatch(r'"{3}[^"]+"{3}', body), path


def test_files_and_functions_have_no_tail() -> None:
    long = []
    for floor in FLOORS:
        for path in (ROOT / floor).rglob("*.py"):
            if "corpus_data" in path.parts:
                continue
            text = path.read_text(encoding="utf-8")
            if text.count("\n") > 300:
                long.append(f"{path}: {text.count(chr(10))} lines")
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 60:
                    long.append(f"{path}:{node.lineno} {node.name}")
    assert not long
