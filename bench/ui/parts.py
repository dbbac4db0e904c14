"""View models of report parts: the lines and tables of a terminal report, as values that a template shows.

The page shows what the reports compute, word for word, and computes nothing of its own.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bench.terminal import Bullet, Preformatted

Style = Literal["", "good", "bad", "warn", "live", "strong", "quiet"]
_REFERENCE: Final = re.compile(r"([xc])(\d{1,18})(?:-a\d+-c\d+(?:-[0-9a-f]+)?)?")
_PAGES: Final = {"x": "/executions/", "c": "/cases/"}
_STYLES: Final[dict[str, Style]] = {
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
    kind: Literal["line", "bullet", "pre", "heading"] = "line"
    href: str | None = None
    """The page of what the line names."""
    anchor: str | None = None
    """Its id on the page."""

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
    anchor: str | None = None
    """The id of its heading on the page."""
    sql: str | None = None
    """The command that shows its rows."""


Part = Line | TablePart


def parts_of(renderables: Iterable[RenderableType], pages: Mapping[str, str] | None = None) -> Iterator[Part]:
    """The parts of a terminal report, in their order.

    A cell that is the name of an execution or a case, or that `pages` has, is a link to its page.
    """
    for each in renderables:
        if isinstance(each, Table):
            yield _table(each, pages or {})
        elif isinstance(each, Text):
            if each.plain.strip():
                yield Line(_pieces(each), "pre" if isinstance(each, Preformatted) else "line")
        elif str(each):
            yield Line((StyledRun(str(each)),), "bullet" if isinstance(each, Bullet) else "line")


def _table(source: Table, pages: Mapping[str, str]) -> TablePart:
    columns = tuple(
        TableColumn(" ".join(str(column.header).split()), column.justify == "right")
        for column in source.columns
    )
    cells = [[_cell(cell, pages) for cell in column.cells] for column in source.columns]
    return TablePart(str(source.title or ""), columns, tuple(zip(*cells, strict=True)))


def _cell(cell: RenderableType, pages: Mapping[str, str]) -> Line:
    pieces = _pieces(cell) if isinstance(cell, Text) else (StyledRun(str(cell)),)
    return Line(pieces, href=_page("".join(piece.text for piece in pieces), pages))


def _page(text: str, pages: Mapping[str, str]) -> str | None:
    if text in pages:
        return pages[text]
    reference = _REFERENCE.fullmatch(text)
    return None if reference is None else _PAGES[reference[1]] + reference[2]


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
