"""Bringing a backlog into the farm."""

from pathlib import Path

import sqlalchemy as sa

from bench.intake.beads import ImportReport, read_issues_file
from bench.intake.errors import IntakeError
from db.repositories.issues import Issues


def read_backlog(file: Path) -> ImportReport:
    """The issues of a Beads file; `IntakeError` where it cannot be read or holds none."""
    report = read_issues_file(file)
    if report.bad_lines and not report.issues:
        number, reason = report.bad_lines[0]
        raise IntakeError(f"{file}: no issue in it; line {number}: {reason}")
    return report


def store_backlog(engine: sa.Engine, report: ImportReport) -> tuple[int, int]:
    """Store what was read, all or nothing; how many issues are new and how many replaced one."""
    return Issues(engine).upsert(report.source, [issue.document() for issue in report.issues])
