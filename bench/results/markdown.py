"""The report as Markdown, for an issue or a wiki."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from rich.table import Table
from rich.text import Text

from bench.results.read import BenchResults
from bench.results.show import report_parts
from bench.statistics.oracle import OracleBracket
from bench.terminal import Bullet
from planner.cli.tables import markdown_table
from planner.system.foreign_text import markdown_text


def report_markdown(results: BenchResults, oracle: OracleBracket | str) -> str:
    """The parts of the terminal report as Markdown."""
    return parts_markdown(report_parts(results, oracle))


def parts_markdown(parts: Iterable[Any]) -> str:
    """Tables and lines for the terminal as Markdown: what stands in them is text, and no HTML, link or mark."""
    blocks: list[str] = []
    for is_list, group in groupby(parts, key=lambda part: isinstance(part, Bullet)):
        texts = [_block(part) for part in group]
        blocks += ["\n".join(f"- {text}" for text in texts)] if is_list else texts
    return "\n\n".join(block for block in blocks if block)


def _block(part: Any) -> str:
    return _table(part) if isinstance(part, Table) else _text(part)


def _table(found: Table) -> str:
    columns = [list(column.cells) for column in found.columns]
    heads = [_text(column.header) for column in found.columns]
    right = [column.justify == "right" for column in found.columns]
    rows = [[_text(cell) for cell in row] for row in zip(*columns, strict=True)]
    title = f"## {_text(found.title)}\n\n" if found.title else ""
    return title + markdown_table(heads, rows, right)


def _text(part: Any) -> str:
    plain = part.plain if isinstance(part, Text) else str(part)
    # A head may take two lines at the terminal; no line break of a stranger is left by now.
    return markdown_text(plain.replace("\n", " ") if isinstance(part, Text) else plain)
