"""Bringing a backlog into the farm."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from bench.intake.beads import ImportReport
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
from bench.intake.formats.mapped import NO_FIELDS, FieldMap
from bench.intake.formats.registry import detect, read_format, read_mapped
from bench.intake.given import STDIN, given
from bench.intake.issue import CLOSED_STATUSES, Issue
from bench.intake.plan_report import PlanReport, plan_report, unknown_ids
from bench.submit.identities import Identified, identify, source_of
from db.repositories.backlog_import import BacklogImport, importing
from db.repositories.issues import Issues
from planner.system.progress import ProgressReporter, no_progress

DEFAULT_FILE: Final = Path(".beads/issues.jsonl")
"""The backlog that is imported where no file is named."""
_NO_DEFAULT: Final = (
    "no such file; bd 0.56 and later keep issues in a database and write none: "
    "run bd export | bench issues import -"
)
_UNDETECTED: Final = (
    "if it is no Beads file, name its --format, or the fields of any other JSON, as in --map 'id=$.key'"
)
_PROJECT_IN_ID: Final = frozenset({"jira", "linear"})
"""Formats whose ids begin with the project, as SHOP-12, and whose repository is none or the whole site."""


@dataclass
class Stored:
    """The result of an import, by issue ids."""

    new: list[str] = field(default_factory=list)
    changed: list[IssueChange] = field(default_factory=list)
    unchanged: int = 0
    older: list[Older] = field(default_factory=list)
    """Kept as they are stored."""
    left: list[str] = field(default_factory=list)
    """Open issues of earlier imports of the file that are missing from it now; not closed. Of a pipe not known."""
    closed: list[str] = field(default_factory=list)
    """Those of them that were closed."""
    qualified: dict[str, str] = field(default_factory=dict)
    """By qualified id: the id in its own repository, where an issue of another one has that id."""

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
            "qualified": [{"id": new, "local_id": old} for new, old in self.qualified.items()],
        }


@dataclass(frozen=True)
class ReadBacklog:
    """A backlog that was read, and the format in which."""

    report: ImportReport
    form: str | None
    """None: by the paths of `--map` alone."""


def read_backlog(file: Path, form: str | None = None) -> ImportReport:
    """The issues of a file; `read_any` without the format."""
    return read_any(file, form).report


def read_any(
    file: Path,
    form: str | None = None,
    fields: FieldMap = NO_FIELDS,
    progress: ProgressReporter = no_progress,
) -> ReadBacklog:
    """The issues of a file or of standard input, in the format `form`; None: the one that its content shows.

    Raises `IntakeError` where it cannot be read or has no issue.
    """
    if file == DEFAULT_FILE and not file.exists():
        raise IntakeError(f"{file}: {_NO_DEFAULT}")
    if form == "harbor" and file == STDIN:
        raise IntakeError("--format harbor reads a directory of tasks; name it")
    backlog = given(file)
    if form is None and fields:
        report = read_mapped(backlog, fields)
        return ReadBacklog(_checked(report, ""), None)
    detected = form or detect(backlog)
    report = read_format(backlog, detected, fields, progress)
    is_guess = form is None and detected == "beads"
    return ReadBacklog(_checked(report, f"; {_UNDETECTED}" if is_guess else ""), detected)


def _checked(report: ImportReport, hint: str) -> ImportReport:
    if report.bad_lines and not report.issues:
        number, reason = report.bad_lines[0]
        raise IntakeError(f"{report.source}: no issue in it; line {number}: {reason}{hint}")
    return report


def store_backlog(
    engine: sa.Engine,
    report: ImportReport,
    *,
    force: bool = False,
    prune: bool = False,
    dry_run: bool = False,
    progress: ProgressReporter = no_progress,
) -> Stored:
    """Idempotent import in one transaction; of two states of an issue the newer one is kept.

    The source is stored as an absolute path without links, so that trust in it does not depend on the current
    directory. `force` stores older states, too; `prune` closes open issues of the source that are missing from the
    file, and of standard input only those of its format and of the repositories or projects that it names; with
    `dry_run` nothing is written.

    Raises `IntakeError` where `prune` is not safe.
    """
    reason = why_not_prune(report) if prune else None
    if reason is not None:
        raise IntakeError(f"{report.source}: nothing is imported or closed: {reason}; leave out --prune")
    with collector_paused(), importing(engine, source_of(report)) as backlog:
        identified = identify(report, backlog.holders)
        report = identified.report
        documents = {issue.id: issue.document() for issue in report.issues}
        stored, writes = _compare(backlog, documents, report, force=force, prune=prune, progress=progress)
        stored.qualified = dict(identified.local_ids)
        left = _left(backlog, documents, identified)
        if prune:
            writes |= _close(left, report, stored)
        elif not report.is_stdin:
            stored.left = list(left)
        if not dry_run:
            _write(backlog, identified, writes, documents, stored, progress)
    return stored


def _write(
    backlog: BacklogImport,
    identified: Identified,
    writes: dict[str, Any],
    documents: dict[str, Any],
    stored: Stored,
    progress: ProgressReporter,
) -> None:
    """Write what changed, and record for the rest which file named it last."""
    backlog.write(writes, identified.repositories, progress)
    kept = {older.issue_id for older in stored.older}
    unchanged = [issue_id for issue_id in documents if issue_id not in writes and issue_id not in kept]
    backlog.move(unchanged, identified.repositories)
    backlog.qualify(identified.local_ids)


def _compare(
    backlog: BacklogImport,
    documents: dict[str, Any],
    report: ImportReport,
    *,
    force: bool,
    prune: bool,
    progress: ProgressReporter,
) -> tuple[Stored, dict[str, Any]]:
    """The result for each issue, and the documents to write."""
    before = backlog.stored(documents)
    result = Stored(new=[issue_id for issue_id in documents if issue_id not in before])
    of_this_source = []
    for issue_id, document in progress(documents.items(), "comparing issues"):
        known = before.get(issue_id)
        if known is None or known.document is None:
            continue
        difference = compare(issue_id, known.document, document, force=force)
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


def _left(backlog: BacklogImport, documents: dict[str, Any], identified: Identified) -> dict[str, Any]:
    """The open issues of the source that are missing from it now.

    Two exports in a pipe may be of two projects: of standard input only issues of those that it names count.
    """
    report = identified.report
    if not report.is_stdin:
        return backlog.left(documents, CLOSED_STATUSES)
    left = backlog.left(documents, CLOSED_STATUSES, set(identified.repositories.values()))
    if report.form not in _PROJECT_IN_ID:
        return left
    projects = {_project(issue_id) for issue_id in documents}
    return {issue_id: document for issue_id, document in left.items() if _project(issue_id) in projects}


def _project(issue_id: str) -> str:
    return issue_id.rpartition("-")[0]


def _close(left: dict[str, Any], report: ImportReport, stored: Stored) -> dict[str, Any]:
    """The closed documents of the issues that left the file; except those in its unreadable lines."""
    stored.left = sorted(exempt_from_prune(left, report))
    stored.closed = [issue_id for issue_id in left if issue_id not in stored.left]
    return {issue_id: closed_by_prune(left[issue_id]) for issue_id in stored.closed}


def report_plan(engine: sa.Engine, report: ImportReport) -> PlanReport:
    """A summary of the dependencies of an imported plan; an issue that is stored is not unknown."""
    stored = Issues(engine)
    documents = (stored.get(issue_id) for issue_id in sorted(unknown_ids(report.issues)))
    elsewhere = [Issue.from_document(document) for document in documents if document is not None]
    return plan_report(report.issues, {issue.id: issue for issue in elsewhere})
