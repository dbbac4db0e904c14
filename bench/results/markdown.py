"""The report as Markdown, for an issue or a wiki."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from bench.results.read import BenchResults
from bench.results.show import report_parts
from bench.statistics.oracle import OracleBracket


def report_markdown(results: BenchResults, oracle: OracleBracket | str) -> str:
    """The parts of the terminal report as Markdown."""
    return parts_markdown(report_parts(results, oracle))


def parts_markdown(parts: Iterable[Any]) -> str:
    """Tables and lines for the terminal as Markdown."""
    texts = [_part(part) for part in parts]
    return "\n\n".join(text for text in texts if text)


def _part(part: Any) -> str:
    if isinstance(part, Table):
        return _table(part)
    return Text.from_markup(str(part)).plain


def _table(found: Table) -> str:
    columns = [list(column.cells) for column in found.columns]
    heads = [_cell(column.header) for column in found.columns]
    rules = ["--:" if column.justify == "right" else "---" for column in found.columns]
    rows: list[Sequence[str]] = [
        heads,
        rules,
        *([_cell(cell) for cell in row] for row in zip(*columns, strict=True)),
    ]
    title = f"## {found.title}\n\n" if found.title else ""
    return title + "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(value: Any) -> str:
    return Text.from_markup(str(value)).plain.replace("|", "\\|").replace("\n", " ")
