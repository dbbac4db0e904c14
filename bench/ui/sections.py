"""Sections of a bench's report: an anchor for each, its entry in the table of contents, and the SQL of its rows."""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from bench.ui.parts import Line, Part, StyledRun, TablePart
from db.report_sql import rows_of_bench

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.-]+")


class SectionKind(NamedTuple):
    """A section that a report may have, by the first words of its table or line."""

    begins: str
    anchor: str
    name: str
    """In the table of contents."""
    view: str | None
    """The view of schema report that has its rows."""


_KINDS: Final = (
    SectionKind("Best actions", "best-actions", "Best actions", "arm_outcomes"),
    SectionKind("Winners", "winners", "Winners", "winners"),
    SectionKind("Actions by topology", "groups", "By topology and budget", "action_rates"),
    SectionKind("Actions", "actions", "Actions", "action_rates"),
    SectionKind("Race", "race", "Race", "arm_outcomes"),
    SectionKind("Regret", "regret", "Regret", "regret_by_policy"),
    SectionKind("Oracle", "bracket", "Bracket of the regret", "oracle_brackets"),
    SectionKind("Spend against caps", "caps", "Caps", "spend_against_caps"),
    SectionKind("Errors", "errors", "Errors", "errors_by_action"),
    SectionKind("Arms that no gate judged", "unjudged", "Arms that no gate judged", "arm_outcomes"),
    SectionKind("Cases without a verdict", "cut-off", "Cases without a verdict", "arm_outcomes"),
)
_OF_LINES: Final = (
    SectionKind("bench ", "run", "How it ran", None),
    SectionKind("Not covered for", "coverage", "Coverage", None),
)


class ContentsEntry(NamedTuple):
    """A line of the table of contents."""

    name: str
    page: int
    anchor: str


def with_anchors(parts: Iterable[Part], bench_id: str) -> Iterator[Part]:
    """The parts, with an anchor and the SQL of its rows for each table, and headings for lines without a table."""
    begun: set[str] = set()
    for part in parts:
        kinds = _KINDS if isinstance(part, TablePart) else _OF_LINES
        title = part.title if isinstance(part, TablePart) else part.text
        kind = next((kind for kind in kinds if title.startswith(kind.begins)), None)
        if kind is not None and isinstance(part, TablePart):
            sql = None if kind.view is None else sql_line(kind.view, bench_id)
            yield replace(part, anchor=kind.anchor, sql=sql)
            continue
        if kind is not None and kind.anchor not in begun:
            begun.add(kind.anchor)
            yield Line((StyledRun(kind.name),), "heading", anchor=kind.anchor)
        yield part


def contents(pages: Sequence[Sequence[Part]]) -> list[ContentsEntry]:
    """The sections in their order, with the page on which each begins, from 1 on."""
    names = {kind.anchor: kind.name for kind in (*_KINDS, *_OF_LINES)}
    entries: dict[str, ContentsEntry] = {}
    for number, parts in enumerate(pages, 1):
        for part in parts:
            if part.anchor is not None and part.anchor not in entries:
                entries[part.anchor] = ContentsEntry(names[part.anchor], number, part.anchor)
    return list(entries.values())


def sql_line(view: str, bench_id: str) -> str:
    """The command that shows the rows of a view for a bench."""
    sql = rows_of_bench(view, bench_id)
    return f'bench psql -c "{sql}"' if _PLAIN.fullmatch(bench_id) else f"bench psql -c {shlex.quote(sql)}"
