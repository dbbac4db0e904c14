"""The report of a bench as one HTML file: no script, nothing fetched, with the patches of its winners."""

import base64
import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from markupsafe import Markup

from bench.inspection.execution import read_execution
from bench.results.evidence import Evidence
from bench.results.read import BenchResults
from bench.ui.bench_view import bench_view
from bench.ui.matrix import headings, matrix
from bench.ui.paging import pages_of
from bench.ui.parts import Line, Part, StyledRun, TablePart, parts_of
from bench.ui.plot import rate_plot, spend_plot
from bench.ui.render import environment
from bench.ui.sections import contents
from bench.ui.spend import spend_curve
from bench.ui.texts import conversation, diff
from db.repositories.page_rows import PageRows
from planner.system.clock import rfc3339_now

_CSS: Final = Path(__file__).parent / "static" / "page.css"
_CASES: Final = 500
_MICRO: Final = 1_000_000
_DIFF_BYTES: Final = 20_000
_CONVERSATION_BYTES: Final = 40_000
_TEXTS_BYTES: Final = 1_200_000
"""Of patches and conversations together: the file stays below 2 MB."""


@dataclass(frozen=True)
class SolvedCase:
    """The winner of a case with its patch, and its conversation where that is wanted."""

    name: str
    """`x12`: the execution, and the anchor of its section."""
    issue_id: str
    action: str
    diff: list[Part]
    conversation: list[Part]


def report_html(
    engine: sa.Engine,
    results: BenchResults,
    evidence: Evidence | str,
    *,
    archives: Path | None,
    with_conversations: bool,
) -> str:
    """The file as text. What does not fit is left out at the end of each text, with a line that says so."""
    bench_id = results.bench.bench_id
    solved, left_out = _solved(engine, results, archives, with_conversations=with_conversations)
    anchors = {each.name for each in solved}
    view = bench_view(results, evidence)
    rows = PageRows(engine)
    actions = rows.actions(bench_id)
    lines = matrix(rows.matrix(bench_id, 0, _CASES), actions)
    limit = results.bench.usd_limit
    cap = None if limit is None else limit / _MICRO
    # The farm's own file, as the hash in the policy has it.
    css = _CSS.read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return (
        environment()
        .get_template("report_file.html.j2")
        .render(
            bench=results.bench,
            css=Markup(css),  # noqa: S704
            css_hash=digest,
            written_at=rfc3339_now(),
            answer=list(_anchored(view.answer, anchors)),
            parts=list(_anchored(view.parts, anchors)),
            headings=headings(actions),
            lines=lines,
            view=view,
            plot=rate_plot(view.points) if view.points else None,
            spend=spend_plot(*spend_curve(rows.spend(bench_id)), cap),
            contents=contents([view.parts]),
            cases_left_out=max(0, len(results.cases) - _CASES),
            solved=solved,
            solved_left_out=left_out,
        )
    )


def _solved(
    engine: sa.Engine, results: BenchResults, archives: Path | None, *, with_conversations: bool
) -> tuple[list[SolvedCase], int]:
    """The winners with their texts while these fit, and the number of winners that are left out."""
    issues = {case.case_id: case.issue_id for case in results.cases}
    solved: list[SolvedCase] = []
    size = 0
    taken = [(case_id, results.to_take[case_id]) for case_id in issues if case_id in results.to_take]
    for number, (case_id, execution_id) in enumerate(taken):
        record = read_execution(engine, execution_id, archives)
        patch = _first(parts_of(diff(record)), _DIFF_BYTES)
        talk = _first(parts_of(conversation(record)), _CONVERSATION_BYTES) if with_conversations else []
        size += sum(map(_size, [*patch, *talk]))
        if size > _TEXTS_BYTES:
            return solved, len(taken) - number
        solved.append(SolvedCase(record.name, issues[case_id], record.action, patch, talk))
    return solved, 0


def _first(parts: Iterable[Part], most_bytes: int) -> list[Part]:
    """The parts up to about a size, with a line where others follow."""
    pages = pages_of(parts, most_bytes)
    cut = [Line((StyledRun("… the rest is left out", "quiet"),))] if len(pages) > 1 else []
    return [*pages[0], *cut]


def _size(part: Part) -> int:
    cells = [cell for row in part.rows for cell in row] if isinstance(part, TablePart) else [part]
    return sum(len(cell.text.encode()) for cell in cells)


def _anchored(parts: Iterable[Part], anchors: Collection[str]) -> Iterator[Part]:
    """The parts with links to executions of this file alone."""
    for part in parts:
        if isinstance(part, TablePart):
            rows = [tuple(_anchor(cell, anchors) for cell in row) for row in part.rows]
            yield replace(part, rows=tuple(rows))
        else:
            yield _anchor(part, anchors)


def _anchor(line: Line, anchors: Collection[str]) -> Line:
    return replace(line, href=f"#{line.text}" if line.text in anchors else None)
