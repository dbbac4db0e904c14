"""Tables of plain text, where rich may not be installed: at the terminal and as Markdown."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from planner.cli.csv_text import cell_text, columns_of, flat
from planner.cli.output import echo
from planner.system.foreign_text import markdown_text


@dataclass(frozen=True)
class TextTable:
    """Columns aligned, numbers to the right."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def lines(self) -> list[str]:
        """Its lines at the terminal."""
        lines = [self.head, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.head))]
        return [
            "  ".join(_aligned(*cell) for cell in zip(line, widths, strict=True)).rstrip() for line in lines
        ]

    def markdown(self) -> str:
        """As a table of Markdown."""
        columns: list[Any] = list(zip(*self.rows, strict=True)) or [() for _ in self.head]
        right = [bool(cells) and not any(_is_word(cell) for cell in cells) for cells in columns]
        cells = [[markdown_text(cell) for cell in row] for row in self.rows]
        return markdown_table([markdown_text(name) for name in self.head], cells, right)


Part = str | TextTable


def show_parts(parts: Iterable[Part]) -> None:
    """Print lines and tables; an empty line before each table."""
    for part in parts:
        if isinstance(part, str):
            echo(part)
        else:
            echo()
            for line in part.lines():
                echo(line)


def parts_markdown(parts: Iterable[Part]) -> str:
    """Lines as paragraphs, and tables, in Markdown."""
    blocks = [markdown_text(part.strip()) if isinstance(part, str) else part.markdown() for part in parts]
    return "\n\n".join(block for block in blocks if block)


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[bool]) -> str:
    """A table of GitHub's Markdown; the cells are Markdown already. `right`: the columns that are aligned right."""
    rules = ["--:" if is_right else "---" for is_right in right]
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, rules, *rows])


def rows_markdown(tables: Mapping[str, Iterable[Mapping[str, Any]]], default: Callable[[Any], Any]) -> str:
    """Every table that has rows, under its name, in Markdown; `default` as for CSV."""
    blocks = []
    for name, rows in tables.items():
        lines = [flat(row) for row in rows]
        columns = columns_of(lines)
        cells = [
            [markdown_text(cell_text(line.get(column), default)) for column in columns] for line in lines
        ]
        if lines:
            heads = [markdown_text(column) for column in columns]
            blocks.append(f"## {markdown_text(name)}\n\n{markdown_table(heads, cells, [False] * len(heads))}")
    return "\n\n".join(blocks)


def _aligned(cell: str, width: int) -> str:
    return f"{cell:<{width}}" if _is_word(cell) else f"{cell:>{width}}"


def _is_word(cell: str) -> bool:
    return not (cell[:1].isdigit() or cell in ("·", ""))
