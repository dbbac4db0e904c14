"""Markdown rendering of the terminal report."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from rich.table import Table
from rich.text import Text

from bench.results.read import BenchResults
from bench.results.show import report_parts
from bench.statistics.oracle import OracleBracket
from bench.statistics.recommendation import Recommendation
from bench.terminal import Bullet, Preformatted
from planner.cli.tables import markdown_table
from planner.system.foreign_text import markdown_block, markdown_text


def report_markdown(results: BenchResults, oracle: OracleBracket | str, answer: Recommendation) -> str:
    """The parts of the terminal report as Markdown."""
    return parts_markdown(report_parts(results, oracle, answer))


def parts_markdown(parts: Iterable[Any]) -> str:
    """Terminal tables and lines as Markdown; their contents are escaped, so that none is HTML, a link or markup."""
    blocks: list[str] = []
    for is_list, group in groupby(parts, key=lambda part: isinstance(part, Bullet)):
        texts = [_block(part) for part in group]
        blocks += ["\n".join(f"- {text}" for text in texts)] if is_list else texts
    return "\n\n".join(block for block in blocks if block)


def _block(part: Any) -> str:
    if isinstance(part, Preformatted):
        return markdown_block(part.plain)
    return _table(part) if isinstance(part, Table) else _text(part)


def _table(source: Table) -> str:
    columns = [list(column.cells) for column in source.columns]
    heads = [_text(column.header) for column in source.columns]
    right = [column.justify == "right" for column in source.columns]
    rows = [[_text(cell) for cell in row] for row in zip(*columns, strict=True)]
    title = f"## {_text(source.title)}\n\n" if source.title else ""
    return title + markdown_table(heads, rows, right)


def _text(part: Any) -> str:
    plain = part.plain if isinstance(part, Text) else str(part)
    # Column heads have line breaks of our own; those in foreign text are escaped already.
    return markdown_text(plain.replace("\n", " ") if isinstance(part, Text) else plain)
