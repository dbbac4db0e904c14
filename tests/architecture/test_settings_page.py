"""The page of settings: every variable and option that the code reads is on it, with its default, and nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from bench.cli.fleet import coordinator, worker
from workers.settings import WorkerSettings

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "worker-settings.md"
# Part of `BENCH_SECRET_<NAME>` is its own name; `BENCH_ID` is a placeholder of help texts.
_NAME = re.compile(r"\bBENCH_[A-Z0-9_]*[A-Z0-9](?:_<NAME>)?")
_NO_VARIABLES = {"BENCH_ID"}
_PREFIXES = {"BENCH_SECRET": "BENCH_SECRET_<NAME>", "BENCH_KEY_COMMAND": "BENCH_KEY_COMMAND_<NAME>"}


def _sources() -> Iterator[Path]:
    for package in ("bench", "workers", "db", "planner", "migrations"):
        yield from (path for path in (ROOT / package).rglob("*.py") if "corpus_data" not in path.parts)
    yield ROOT / "bench_farm.py"


def _named_in_code() -> set[str]:
    """Names of variables in the texts of the code, among them those of docstrings and messages."""
    names = set()
    for path in _sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.update(_NAME.findall(node.value))
    return {_PREFIXES.get(name, name) for name in names} - _NO_VARIABLES


def _defaults(table: str) -> dict[str, str]:
    """The last column of each row of a table with three columns, by the name in the first one."""
    rows = re.findall(r"^ *\| `(BENCH_[^`]+)` \|.*\| *([^|]*?) *\|$", table, re.MULTILINE)
    return dict(rows)


def test_the_page_has_every_variable_of_the_code_and_no_other() -> None:
    page = set(_NAME.findall(PAGE.read_text(encoding="utf-8")))
    code = _named_in_code()
    assert len(code) > 40
    assert {"missing": code - page, "unknown": page - code} == {"missing": set(), "unknown": set()}


def test_the_page_has_the_defaults_of_the_code() -> None:
    page, code = _defaults(PAGE.read_text(encoding="utf-8")), _defaults(WorkerSettings.__doc__)
    assert len(code) > 10
    assert {name: page.get(name) for name in code} == code


def test_the_page_has_every_option_of_worker_and_coordinator() -> None:
    text = PAGE.read_text(encoding="utf-8")
    options = {name for command in (worker, coordinator) for param in command.params for name in param.opts}
    # These two are added to every command, where both programs are called from.
    named = {name for name in options - {"--quiet", "--verbose"} if name.startswith("--")}
    assert len(named) > 5
    assert {name for name in named if f"`{name}`" not in text} == set()
