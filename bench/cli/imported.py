"""The answer and the notes of `bench issues import`."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.cli.session import note
from bench.intake.beads import ImportReport
from bench.intake.chain_format import format_chain
from bench.intake.issue import Dependency
from bench.intake.nearest import did_you_mean
from bench.intake.plan_report import PlanReport
from bench.submit.backlog import Stored

_SHOWN_PROBLEMS = 20
_SHOWN_IDS = 5
IMPORT_TABLES = ("changed", "older", "left", "closed", "qualified", "bad_lines", "warnings")
"""The tables of an import: issues by result, and lines that could not be read."""


def import_document(report: ImportReport, stored: Stored, plan: PlanReport | None) -> dict[str, Any]:
    """The result of an import as JSON-able data."""
    deps = report.deps
    return {
        **stored.document(),
        "duplicates": report.duplicates,
        "skipped_memory": report.skipped_memory,
        "escalations": report.escalations,
        "bad_lines": _lines("reason", report.bad_lines),
        "warnings": _lines("text", report.warnings),
        "dependencies": {
            "inside": _inside(report),
            "file": None if deps is None else deps.source,
            "in_file": 0 if deps is None else len(deps.edges),
            "bad_lines": [] if deps is None else _lines("reason", deps.bad_lines),
            "warnings": [] if deps is None else _lines("text", deps.warnings),
            "unknown": [edge.model_dump() for edge in report.unknown],
        },
        **({} if plan is None else {"plan": plan.document()}),
    }


def import_rows(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The tables of `import_document`; an issue of which only the id is known is a row of one column."""
    return {
        name: [row if isinstance(row, dict) else {"issue_id": row} for row in document[name]]
        for name in IMPORT_TABLES
    }


def _lines(name: str, numbered: list[tuple[int, str]]) -> list[dict[str, Any]]:
    return [{"line": number, name: text} for number, text in numbered]


def _inside(report: ImportReport) -> int:
    """The number of dependencies in the lines of issues, without those of deps.jsonl."""
    added = set() if report.deps is None else set(report.deps.edges)
    return sum(edge not in added for issue in report.issues for edge in issue.dependencies)


def note_report(report: ImportReport) -> None:
    """Print notes on bad lines, warnings and dependencies of the file."""
    file = report.source
    _tell_some([f"{file}:{number}: left out: {reason}" for number, reason in report.bad_lines])
    _tell_some([f"{file}:{number}: {text}" for number, text in report.warnings])
    deps = report.deps
    if deps is not None:
        _tell_some([f"{deps.source}:{number}: left out: {reason}" for number, reason in deps.bad_lines])
        _tell_some([f"{deps.source}:{number}: {text}" for number, text in deps.warnings])
        inside = _inside(report)
        also = f", {inside} more in the issues" if inside else ""
        note(f"dependencies: {len(deps.edges)} in {deps.source}{also}")
    if report.unknown:
        pairs = [_edge_words(edge) for edge in report.unknown[:_SHOWN_IDS]]
        note(
            f"dependencies on issues that are not in {file}; they block nothing until an import adds these issues: "
            f"{len(report.unknown)} ({_some(pairs, len(report.unknown))})"
        )
    if report.duplicates:
        note(f"{report.duplicates} duplicate ids: the newest state of each is used")
    if report.escalations:
        note(f"{len(report.escalations)} escalations: stored, never benched")


def _edge_words(edge: Dependency) -> str:
    return f"{edge.issue_id:.80} waits for {edge.depends_on_id:.80}"


def note_plan(plan: PlanReport, ids: list[str]) -> None:
    """Print notes on the dependencies of a plan tracker: cycles, harmless and unknown ones, the critical path."""
    _tell_some(
        [
            f"cycle: {format_chain(ring, closed=True)}: none of these can start; drop one wait"
            for ring in plan.cycles
        ]
    )
    _tell_some(
        [f"{card} depends on {other}, which is finished: harmless" for card, other in plan.on_finished]
    )
    _tell_some(
        [
            f"{card} depends on {other!r}, which is unknown and blocks nothing{did_you_mean(other, ids)}"
            for card, other in plan.on_unknown[:_SHOWN_PROBLEMS]
        ],
        len(plan.on_unknown),
    )
    if plan.critical_path:
        note(f"critical path: {plan.critical_hours} hours: {format_chain(plan.critical_path)}")


def note_stored(
    name: str, stored: Stored, options: Sequence[str], file: Path, *, pruned: bool, dry_run: bool
) -> None:
    """Print notes on what changed in the stored backlog, the counts last.

    `options`: those of the import that a further one needs, too.
    """

    def command(flag: str) -> str:
        return shlex.join(["bench", "issues", "import", *options, flag, str(file)])

    _tell_some([change.words() for change in stored.changed[:_SHOWN_PROBLEMS]], len(stored.changed))
    _tell_some([older.words() for older in stored.older[:_SHOWN_PROBLEMS]], len(stored.older))
    if stored.older:
        note(f"to import the older state anyway: {command('--force')}")
    _tell_some(
        [
            f"{local_id}: an issue of another repository has this id; stored as {issue_id}"
            for issue_id, local_id in stored.qualified.items()
            if issue_id in stored.new
        ]
    )
    _tell_some([f"{issue_id}: closed, it is not in {name} any more" for issue_id in stored.closed])
    left = f"{len(stored.left)} ({_some(stored.left[:_SHOWN_IDS], len(stored.left))})"
    if stored.left and pruned:
        note(f"open issues that were not closed, because unreadable lines name them: {left}")
    elif stored.left:
        note(
            f"open issues of earlier imports of {name} that are not in it any more: {left}; "
            f"to close them: {command('--prune')}"
        )
    note(f"{stored.words()}{'; nothing was stored (dry run)' if dry_run else ''}")


def _some(first: list[str], count: int) -> str:
    """Items separated by commas, and how many more there are of `count`."""
    return ", ".join(first) + (f" and {count - len(first)} more" if count > len(first) else "")


def _tell_some(lines: list[str], count: int | None = None) -> None:
    """Print the first lines, and how many more there are of `count`, by default the number of lines."""
    for line in lines[:_SHOWN_PROBLEMS]:
        note(line)
    more = (len(lines) if count is None else count) - _SHOWN_PROBLEMS
    if more > 0:
        note(f"… and {more} more like this; -o json lists them all")
