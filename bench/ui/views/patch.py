"""Unified diff as a page shows it: files with numbered, highlighted lines, bounded by a page's size."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

from markupsafe import Markup, escape

from bench.inspection.patch_show import PatchedFile, file_changes
from bench.ui.views.highlight import highlighted
from planner.system.foreign_text import visible_text

_HUNK: Final = re.compile(r"@@ -(\d{1,9})(?:,\d+)? \+(\d{1,9})(?:,\d+)? @@")
_MOST_CHARACTERS: Final = 400
_ROW_CHARACTERS: Final = 60
"""Of the markup around a line."""
_MOST_CHANGES: Final = 200
PAGE_CHARACTERS: Final = 64_000
Kind = Literal["context", "added", "removed", "hunk", "note"]
_KINDS: Final[dict[str, Kind]] = {" ": "context", "+": "added", "-": "removed", "\\": "note"}
_SIGNS: Final[dict[Kind, str]] = {"added": "+", "removed": "−"}


class DiffRow(NamedTuple):
    """A line of a diff; `code` is escaped."""

    kind: Kind
    old: int | None
    new: int | None
    code: Markup

    @property
    def sign(self) -> str:
        """What marks the line without its colour."""
        return _SIGNS.get(self.kind, "")


class FileDiff(NamedTuple):
    """One file of a patch."""

    number: int
    change: PatchedFile
    notes: tuple[str, ...]
    """Lines of its header that matter: renamed, new, deleted, another mode."""
    rows: tuple[DiffRow, ...]
    left_out: int
    """Lines that are not shown."""


class PatchPage(NamedTuple):
    """A page of a patch: as many whole files as fit, at least the start of one."""

    changes: Sequence[PatchedFile]
    """The first files of the patch, of `total`."""
    total: int
    files: tuple[FileDiff, ...]
    next_file: int | None


def patch_page(patch: str, start: int = 0, most_characters: int = PAGE_CHARACTERS) -> PatchPage:
    """The files of a patch from number `start`, from 0."""
    changes = file_changes(patch)
    sections = _sections(patch)
    files: list[FileDiff] = []
    room = most_characters
    for number in range(start, len(sections)):
        if files and sum(map(_cost, sections[number])) > room:
            return PatchPage(changes[:_MOST_CHANGES], len(changes), tuple(files), number)
        file, used = _file(number, changes[number], sections[number], room)
        files.append(file)
        room -= used
    return PatchPage(changes[:_MOST_CHANGES], len(changes), tuple(files), None)


def _sections(patch: str) -> list[list[str]]:
    """The lines of each file; what stands before the first one is no part of a file."""
    sections: list[list[str]] = []
    for line in patch.removesuffix("\n").split("\n"):
        if line.startswith("diff --git "):
            sections.append([])
        elif sections:
            sections[-1].append(line)
    return sections


def _cost(line: str) -> int:
    """About as many characters as the row of a line takes: each word of code may get a class."""
    return _ROW_CHARACTERS + 3 * min(len(line), _MOST_CHARACTERS)


def _file(number: int, change: PatchedFile, lines: list[str], room: int) -> tuple[FileDiff, int]:
    first = next((n for n, line in enumerate(lines) if line.startswith("@@")), len(lines))
    notes = tuple(
        line[:_MOST_CHARACTERS]
        for line in lines[:first]
        if re.match(r"(new|deleted) file|old mode|new mode|rename |copy ", line)
    )
    rows: list[DiffRow] = []
    used = 0
    for hunk in _hunks(lines[first:]):
        for row in _hunk_rows(hunk, change.path):
            used += len(row.code) + _ROW_CHARACTERS
            if used > room:
                return FileDiff(number, change, notes, tuple(rows), len(lines) - first - len(rows)), used
            rows.append(row)
    return FileDiff(number, change, notes, tuple(rows), 0), used


def _hunks(lines: list[str]) -> Iterator[list[str]]:
    hunk: list[str] = []
    for line in lines:
        if line.startswith("@@") and hunk:
            yield hunk
            hunk = []
        hunk.append(line)
    if hunk:
        yield hunk


def _hunk_rows(hunk: list[str], path: str) -> Iterator[DiffRow]:
    """The rows of a hunk: its heading, then its lines, each side lexed as the code that it is."""
    heading, *lines = hunk
    yield DiffRow("hunk", None, None, escape(visible_text(heading[:_MOST_CHARACTERS])))
    numbers = _HUNK.match(heading)
    old, new = map(int, numbers.groups()) if numbers else (1, 1)
    kinds = [_KINDS.get(line[:1], "context") for line in lines]
    texts = [_shown(line[1:]) for line in lines]
    before = _lexed(texts, kinds, "added", path)
    after = _lexed(texts, kinds, "removed", path)
    for text, kind in zip(texts, kinds, strict=True):
        if kind == "note":
            yield DiffRow(kind, None, None, escape(text))
            continue
        of_old, of_new = (
            next(before) if kind != "added" else None,
            next(after) if kind != "removed" else None,
        )
        code = of_new if of_new is not None else of_old
        assert code is not None
        yield DiffRow(kind, old if kind != "added" else None, new if kind != "removed" else None, code)
        old += kind != "added"
        new += kind != "removed"


def _lexed(texts: list[str], kinds: list[Kind], other: Kind, path: str) -> Iterator[Markup]:
    side = [text for text, kind in zip(texts, kinds, strict=True) if kind not in (other, "note")]
    return iter(highlighted(side, path))


def _shown(line: str) -> str:
    cut = line if len(line) <= _MOST_CHARACTERS else f"{line[:_MOST_CHARACTERS]} …"
    return visible_text(cut)
