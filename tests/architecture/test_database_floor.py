"""SQL is written in `db` only, and what its repositories return has a type of its own."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILDERS = {"text", "select", "insert", "update", "delete", "literal_column", "func", "table", "column"}
RUNNERS = {"execute", "scalar", "scalars", "exec_driver_sql", "executemany"}
STATEMENT = re.compile(
    r"\s*(SELECT\b|INSERT INTO\b|DELETE FROM\b|UPDATE \w+(\.\w+)? SET\b|WITH \w+ AS\b|LOCK TABLE\b|COPY \w+"
    r"|(CREATE|ALTER|DROP) (TABLE|DATABASE|ROLE|SCHEMA|FUNCTION|VIEW)\b|SET LOCAL\b)"
)
DOCUMENTS = {
    "BacklogImport.left",
    "FarmHistory.baselines",
    "Issues.all_documents",
    "Issues.get",
    "Leases.claim",
    "Policies.inputs",
    "Streams.current_config",
}
"""Methods that return JSON documents as they are stored, not rows."""


def _sources(floor: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((ROOT / floor).rglob("*.py")):
        if "corpus_data" not in path.parts:
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def sql_in(module: ast.Module) -> list[str]:
    """What builds, holds or runs SQL, each with its line."""
    traces = []
    for node in ast.walk(module):
        match node:
            case ast.ImportFrom(module=str(name)) if name.partition(".")[0] in {"sqlalchemy", "psycopg"}:
                named = [alias.name for alias in node.names if alias.name in BUILDERS]
            case ast.Attribute(value=ast.Name(id="sa" | "sqlalchemy"), attr=attr) if attr in BUILDERS:
                named = [attr]
            case ast.Call(func=ast.Attribute(attr=attr)) if attr in RUNNERS:
                named = [attr]
            case ast.Constant(value=str(value)) if STATEMENT.match(value):
                named = [" ".join(value.split())[:40]]
            case _:
                continue
        traces += [f"{node.lineno}: {name}" for name in named]
    return traces


@pytest.mark.parametrize(
    "source",
    [
        "import sqlalchemy as sa\nsa.text(query)",
        "from sqlalchemy import select",
        "connection.execute(query)",
        "query = 'SELECT 1'",
        "query = f'''\n  UPDATE farm.cases SET state = {state}'''",
        "query = 'CREATE DATABASE bench'",
    ],
)
def test_sql_is_recognised(source: str) -> None:
    assert sql_in(ast.parse(source))


def test_words_are_not_taken_for_sql() -> None:
    source = "'Select the issues of a slice.'; 'UPDATE'; pool.submit(text); console.text('SELECTED')"
    assert not sql_in(ast.parse(source))


@pytest.mark.parametrize("floor", ["bench", "workers", "planner"])
def test_sql_is_written_in_db_only(floor: str) -> None:
    assert not [f"{path}:{trace}" for path, module in _sources(floor) for trace in sql_in(module)]


def _public_methods() -> Iterator[tuple[str, ast.FunctionDef]]:
    for _, module in _sources("db/repositories"):
        for node in module.body:
            match node:
                case ast.ClassDef(name=name):
                    methods = [
                        (f"{name}.{each.name}", each)
                        for each in node.body
                        if isinstance(each, ast.FunctionDef) and _is_public(each)
                    ]
                case _:
                    methods = (
                        [(node.name, node)] if isinstance(node, ast.FunctionDef) and _is_public(node) else []
                    )
            yield from methods


def _is_public(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and not node.name.startswith("_")


def test_repositories_return_rows_of_a_type() -> None:
    """A renamed column of a mapping would be seen only where a report prints it."""
    returned = {name: ast.unparse(node.returns) for name, node in _public_methods() if node.returns}
    assert {name for name, hint in returned.items() if re.search(r"\bAny\b|\bJson\b", hint)} == DOCUMENTS
