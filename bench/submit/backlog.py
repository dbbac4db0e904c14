"""Bringing a backlog into the farm."""

from pathlib import Path
from typing import Final

import sqlalchemy as sa

from bench.intake.beads import ImportReport, read_issues_file
from bench.intake.errors import IntakeError
from bench.intake.issue import Issue
from bench.intake.plan_report import PlanReport, plan_report, unknown_ids
from bench.intake.plan_tracker import read_plan_tracker
from db.repositories.issues import Issues

READERS: Final = {"beads": read_issues_file, "plan-tracker": read_plan_tracker}
"""How a file of each format is read."""


def read_backlog(file: Path, form: str = "beads") -> ImportReport:
    """The issues of a file in one of the formats; `IntakeError` where it cannot be read or holds none."""
    report = READERS[form](file)
    if report.bad_lines and not report.issues:
        number, reason = report.bad_lines[0]
        is_markdown = form == "beads" and file.suffix.lower() in {".md", ".markdown"}
        hint = "; of a plan tracker: bench issues import --format plan-tracker" if is_markdown else ""
        raise IntakeError(f"{file}: no issue in it; line {number}: {reason}{hint}")
    return report


def store_backlog(engine: sa.Engine, report: ImportReport) -> tuple[int, int]:
    """Store what was read, all or nothing; how many issues are new and how many replaced one.

    The source is stored as an absolute path without links: trust in it must not depend on where one stood.
    """
    return Issues(engine).upsert(source_of(report), [issue.document() for issue in report.issues])


def source_of(report: ImportReport) -> str:
    """The file that was read, as an absolute path without links."""
    return str(Path(report.source).resolve())


def report_plan(engine: sa.Engine, report: ImportReport) -> PlanReport:
    """What the dependencies of an imported plan amount to; an issue that the farm knows is not unknown."""
    stored = Issues(engine)
    documents = (stored.get(issue_id) for issue_id in sorted(unknown_ids(report.issues)))
    elsewhere = [Issue.from_document(document) for document in documents if document is not None]
    return plan_report(report.issues, {issue.id: issue for issue in elsewhere})
