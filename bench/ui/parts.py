"""View models of report parts: the lines and tables of a terminal report, as values that a template shows.

The page shows what the reports compute, word for word, and computes nothing of its own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bench.terminal import Bullet

Style = Literal["", "good", "bad", "warn", "live", "strong", "quiet"]
_STYLES: dict[str, Style] = {
    "green": "good",
    "red": "bad",
    "yellow": "warn",
    "cyan": "live",
    "dim": "quiet",
    "bold": "strong",
}


@dataclass(frozen=True)
class StyledRun:
    """A run of characters with one style."""

    text: str
    style: Style = ""


@dataclass(frozen=True)
class Line:
    """One line of text."""

    pieces: tuple[StyledRun, ...]
    kind: Literal["line", "bullet"] = "line"

    @property
    def text(self) -> str:
        """The line without its styles."""
        return "".join(piece.text for piece in self.pieces)


@dataclass(frozen=True)
class TableColumn:
    """A column: its heading, and whether its cells are numbers, aligned to the right."""

    heading: str
    is_number: bool


@dataclass(frozen=True)
class TablePart:
    """A table with its title."""

    title: str
    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[Line, ...], ...]
    kind: Literal["table"] = "table"


def parts_of(renderables: Iterable[RenderableType]) -> Iterator[Line | TablePart]:
    """The parts of a terminal report, in their order."""
    for each in renderables:
        if isinstance(each, Table):
            yield _table(each)
        elif isinstance(each, Text):
            yield Line(_pieces(each))
        else:
            yield Line((StyledRun(str(each)),), "bullet" if isinstance(each, Bullet) else "line")


def _table(source: Table) -> TablePart:
    columns = tuple(
        TableColumn(" ".join(str(column.header).split()), column.justify == "right")
        for column in source.columns
    )
    cells = [[_cell(cell) for cell in column.cells] for column in source.columns]
    return TablePart(str(source.title or ""), columns, tuple(zip(*cells, strict=True)))


def _cell(cell: RenderableType) -> Line:
    return Line(_pieces(cell) if isinstance(cell, Text) else (StyledRun(str(cell)),))


def _pieces(text: Text) -> tuple[StyledRun, ...]:
    """The text cut where a style begins or ends; the style of the whole text applies between its spans."""
    ends = {0, len(text.plain), *(edge for span in text.spans for edge in (span.start, span.end))}
    cuts = sorted(edge for edge in ends if edge <= len(text.plain))
    pieces = []
    for start, end in pairwise(cuts):
        names = [str(span.style) for span in text.spans if span.start <= start and end <= span.end]
        pieces.append(StyledRun(text.plain[start:end], _style(" ".join([str(text.style), *names]))))
    return tuple(pieces)


def _style(names: str) -> Style:
    """The first colour of a terminal style, or else its weight."""
    return next((style for word, style in _STYLES.items() if word in names.split()), "")
