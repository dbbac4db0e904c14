"""Pages of report parts: long texts are cut between lines, so that no page becomes too large for a browser."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from bench.ui.parts import Line, Part, StyledRun, TablePart

_PAGE_BYTES: Final = 60_000
# What the markup of a piece adds, about.
_MARKUP_BYTES: Final = 30


def pages_of(parts: Iterable[Part], page_bytes: int = _PAGE_BYTES) -> list[list[Part]]:
    """The parts, spread over pages of about `page_bytes`; one empty page where there are none."""
    pages: list[list[Part]] = [[]]
    size = 0
    for part in parts:
        for piece in _pieces_of(part, page_bytes):
            weight = _weight(piece)
            if pages[-1] and size + weight > page_bytes:
                pages.append([])
                size = 0
            pages[-1].append(piece)
            size += weight
    return pages


def _pieces_of(part: Part, page_bytes: int) -> Iterator[Part]:
    """The part, in several pieces of whole lines or rows where it is larger than a page."""
    if _weight(part) <= page_bytes:
        yield part
    elif isinstance(part, TablePart):
        rows: list[tuple[Line, ...]] = []
        size = 0
        for row in part.rows:
            weight = sum(map(_weight, row))
            if rows and size + weight > page_bytes:
                yield replace(part, rows=tuple(rows))
                rows, size = [], 0
            rows.append(row)
            size += weight
        yield replace(part, rows=tuple(rows))
    else:
        yield from _cut_line(part, page_bytes)


def _cut_line(part: Line, page_bytes: int) -> Iterator[Line]:
    pieces: list[StyledRun] = []
    size = 0
    for run in part.pieces:
        for line in run.text.splitlines(keepends=True):
            for start in range(0, len(line), page_bytes):
                text = line[start : start + page_bytes]
                weight = len(text.encode()) + _MARKUP_BYTES * bool(run.style)
                if pieces and size + weight > page_bytes:
                    yield replace(part, pieces=tuple(pieces))
                    pieces, size = [], 0
                pieces.append(StyledRun(text, run.style))
                size += weight
    yield replace(part, pieces=tuple(pieces))


def _weight(part: Part) -> int:
    if isinstance(part, TablePart):
        return sum(_weight(cell) for row in part.rows for cell in row) + _MARKUP_BYTES * (1 + len(part.rows))
    return (
        sum(len(run.text.encode()) + _MARKUP_BYTES * bool(run.style) for run in part.pieces) + _MARKUP_BYTES
    )
