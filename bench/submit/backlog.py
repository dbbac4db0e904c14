"""Bringing a backlog into the farm."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from bench.intake.beads import ImportReport, read_issues_file
from bench.intake.bulk import collector_paused
from bench.intake.changes import (
    IssueChange,
    Older,
    closed_by_prune,
    compare,
    exempt_from_prune,
    why_not_prune,
    why_older_is_not_pruned,
)
from bench.intake.errors import IntakeError
from bench.intake.issue import CLOSED_STATUSES, Issue
from bench.intake.plan_report import PlanReport, plan_report, unknown_ids
from bench.intake.plan_tracker import read_plan_tracker
from db.repositories.backlog_import import BacklogImport, importing
from db.repositories.issues import Issues

DEFAULT_FILE: Final = Path(".beads/issues.jsonl")
"""The backlog that is imported where no file is named."""
READERS: Final = {"beads": read_issues_file, "plan-tracker": read_plan_tracker}
"""How a file of each format is read."""


@dataclass
class Stored:
    """The result of an import, by issue ids."""

    new: list[str] = field(default_factory=list)
    changed: list[IssueChange] = field(default_factory=list)
    unchanged: int = 0
    older: list[Older] = field(default_factory=list)
    """Kept as they are stored."""
    left: list[str] = field(default_factory=list)
    """Open issues of earlier imports of the file that are missing from it now; not closed."""
    closed: list[str] = field(default_factory=list)
    """Those of them that were closed."""

    def words(self) -> str:
        """The counts on one line."""
        parts = [f"{len(self.new)} new", f"{len(self.changed)} changed", f"{self.unchanged} unchanged"]
        if self.older:
            parts.append(f"{len(self.older)} older than what is stored (kept)")
        if self.closed:
            parts.append(f"{len(self.closed)} closed")
        return ", ".join(parts)

    def document(self) -> dict[str, Any]:
        """The same as JSON-able data, whole."""
        return {
            "new": len(self.new),
            "changed": [change.document() for change in self.changed],
            "unchanged": self.unchanged,
            "older": [older.document() for older in self.older],
            "left": self.left,
            "closed": self.closed,
        }


def read_backlog(file: Path, form: str = "beads") -> ImportReport:
    """The issues of a file in one of the formats; raises `IntakeError` where it cannot be read or has none."""
    report = READERS[form](file)
    if report.bad_lines and not report.issues:
        number, reason = report.bad_lines[0]
        is_markdown = form == "beads" and file.suffix.lower() in {".md", ".markdown"}
        hint = "; of a plan tracker: bench issues import --format plan-tracker" if is_markdown else ""
        raise IntakeError(f"{file}: no issue in it; line {number}: {reason}{hint}")
    return report


def store_backlog(
    engine: sa.Engine,
    report: ImportReport,
    *,
    force: bool = False,
    prune: bool = False,
    dry_run: bool = False,
) -> Stored:
    """Idempotent import in one transaction; of two states of an issue the newer one is kept.

    The source is stored as an absolute path without links, so that trust in it does not depend on the current
    directory. `force` stores older states, too; `prune` closes open issues of the source that are missing from the
    file; with `dry_run` nothing is written.

    Raises `IntakeError` where `prune` is not safe.
    """
    reason = why_not_prune(report) if prune else None
    if reason is not None:
        raise IntakeError(f"{report.source}: nothing is imported or closed: {reason}; leave out --prune")
    with collector_paused(), importing(engine, source_of(report)) as backlog:
        documents = {issue.id: issue.document() for issue in report.issues}
        stored, writes = _compare(backlog, documents, report, force=force, prune=prune)
        if prune:
            writes |= _close(backlog, documents, report, stored)
        else:
            stored.left = list(backlog.left(documents, CLOSED_STATUSES))
        if not dry_run:
            backlog.write(writes)
            kept = {older.issue_id for older in stored.older}
            backlog.move(
                [issue_id for issue_id in documents if issue_id not in writes and issue_id not in kept]
            )
    return stored


def _compare(
    backlog: BacklogImport, documents: dict[str, Any], report: ImportReport, *, force: bool, prune: bool
) -> tuple[Stored, dict[str, Any]]:
    """The result for each issue, and the documents to write."""
    before = backlog.stored(documents)
    result = Stored(new=[issue_id for issue_id in documents if issue_id not in before])
    of_this_source = []
    for issue_id, given in documents.items():
        known = before.get(issue_id)
        if known is None or known.document is None:
            continue
        difference = compare(issue_id, known.document, given, force=force)
        if isinstance(difference, Older):
            result.older.append(difference)
            of_this_source += [difference] if known.source == source_of(report) else []
        elif difference is not None:
            result.changed.append(difference)
    reason = why_older_is_not_pruned(of_this_source) if prune else None
    if reason is not None:
        raise IntakeError(
            f"{report.source}: nothing is imported or closed: {reason}; leave out --prune, or add --force"
        )
    result.unchanged = len(before) - len(result.changed) - len(result.older)
    return result, {i: documents[i] for i in [*result.new, *(change.issue_id for change in result.changed)]}


def _close(
    backlog: BacklogImport, documents: dict[str, Any], report: ImportReport, stored: Stored
) -> dict[str, Any]:
    """The closed documents of the issues that left the file; except those in its unreadable lines."""
    left = backlog.left(documents, CLOSED_STATUSES)
    stored.left = sorted(exempt_from_prune(left, report))
    stored.closed = [issue_id for issue_id in left if issue_id not in stored.left]
    return {issue_id: closed_by_prune(left[issue_id]) for issue_id in stored.closed}


def source_of(report: ImportReport) -> str:
    """The file that was read, as an absolute path without links."""
    return str(Path(report.source).resolve())


def report_plan(engine: sa.Engine, report: ImportReport) -> PlanReport:
    """A summary of the dependencies of an imported plan; an issue that is stored is not unknown."""
    stored = Issues(engine)
    documents = (stored.get(issue_id) for issue_id in sorted(unknown_ids(report.issues)))
    elsewhere = [Issue.from_document(document) for document in documents if document is not None]
    return plan_report(report.issues, {issue.id: issue for issue in elsewhere})
