"""Reading Beads files: both dialects, dirty as they are. A bad line is named, never fatal."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.intake.beads_issue import make_issue, usable_id
from bench.intake.bulk import collector_paused
from bench.intake.dependencies import DECIDING
from bench.intake.deps_file import DepsReport, read_deps_beside
from bench.intake.fields import Fields
from bench.intake.issue import Dependency, Issue
from bench.intake.json_array import numbered_records
from bench.intake.json_line import read_record
from bench.intake.text_lines import read_lines
from bench.intake.times import parse_time

# An id that can be made out in a line that cannot be read.
_ID_IN_TEXT: Final = re.compile(r'"id"\s*:\s*(?:"([^"\\]{1,200})"|(\d{1,20}))')


@dataclass
class ImportReport:
    """What a file held. Lines are counted from 1."""

    source: str
    issues: list[Issue] = field(default_factory=list)
    """In the order in which their ids first occur."""
    bad_lines: list[tuple[int, str]] = field(default_factory=list)
    """Lines that hold no issue, and why."""
    warnings: list[tuple[int, str]] = field(default_factory=list)
    """Fields that were not of their type and fell back to the default."""
    skipped_memory: int = 0
    duplicates: int = 0
    """Lines whose id another line has as well, the newest of each left out."""
    deps: DepsReport | None = None
    """The file of dependencies that lies beside the issues."""
    unknown: list[Dependency] = field(default_factory=list)
    """Dependencies with an end that is no issue of the file; they decide readiness."""
    unreadable_ids: set[str] = field(default_factory=set)
    """Ids that could be made out in bad lines."""
    ends_midway: bool = False
    """Whether the last line is bad and has no end: the file may have been cut off there."""

    @property
    def escalations(self) -> list[str]:
        """Ids of issues that are imported and never benched."""
        return [issue.id for issue in self.issues if issue.is_escalation]


def read_issues_file(path: Path) -> ImportReport:
    """`read_issues` of a file and of the `deps.jsonl` beside it; `IntakeError` where one cannot be read."""
    return read_issues(read_lines(path), str(path), lambda: read_deps_beside(path))


def read_issues(
    lines: Iterable[bytes | str], source: str, read_deps: Callable[[], DepsReport | None] = lambda: None
) -> ImportReport:
    """All issues of a Beads file; of a repeated id the one `updated` last stays, then the later line.

    A line is bad only where it is a merge marker, no JSON object, or without a usable id.
    """
    report = ImportReport(source)
    newest: dict[str, Issue] = {}
    with collector_paused():
        for number, line in numbered_records(lines):
            issue = _read_line(line, number, report)
            if issue is None:
                continue
            known = newest.get(issue.id)
            report.duplicates += known is not None
            if known is None or is_newer(issue, known):
                newest[issue.id] = issue
        report.deps = read_deps()
        report.issues = list(_with_dependencies(newest, report).values())
    return report


def is_newer(later_line: Issue, earlier_line: Issue) -> bool:
    """An issue without a time is older than any with one."""
    later, earlier = (parse_time(issue.updated or "") for issue in (later_line, earlier_line))
    return earlier is None or (later is not None and later >= earlier)


def _read_line(line: bytes | str, number: int, report: ImportReport) -> Issue | None:
    try:
        record = read_record(line, lambda text: report.warnings.append((number, text)))
        report.ends_midway = False
        if record is None:
            return None
        if record.get("_type") == "memory":
            report.skipped_memory += 1
            return None
        issue_id = usable_id(record)
    except (ValueError, RecursionError) as error:
        report.bad_lines.append((number, str(error)))
        text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
        report.ends_midway = not text.endswith("\n")
        report.unreadable_ids.update(found[1] or found[2] for found in _ID_IN_TEXT.finditer(text))
        return None

    def warn(text: str) -> None:
        report.warnings.append((number, f"{issue_id}: {text}"))

    return make_issue(issue_id, Fields(record, warn))


def _with_dependencies(issues: dict[str, Issue], report: ImportReport) -> dict[str, Issue]:
    """The issues, each with the dependencies by which it waits, whichever line or file says so."""
    elsewhere = [] if report.deps is None else report.deps.edges
    said_by_others: dict[str, list[Dependency]] = {}
    for edge in [d for issue in issues.values() for d in issue.dependencies if d.issue_id != issue.id]:
        said_by_others.setdefault(edge.issue_id, []).append(edge)
    for edge in elsewhere:
        said_by_others.setdefault(edge.issue_id, []).append(edge)
    complete = {issue_id: _complete(issue, said_by_others) for issue_id, issue in issues.items()}
    for edges in (said_by_others.get(owner, ()) for owner in said_by_others.keys() - issues.keys()):
        report.unknown += (edge for edge in edges if edge.type in DECIDING)
    for issue in complete.values():
        report.unknown += (
            edge for edge in issue.dependencies if edge.type in DECIDING and edge.depends_on_id not in issues
        )
    return complete


def _complete(issue: Issue, said_by_others: dict[str, list[Dependency]]) -> Issue:
    own = [edge for edge in issue.dependencies if edge.issue_id == issue.id]
    added = said_by_others.get(issue.id, [])
    if not added and len(own) == len(issue.dependencies):
        return issue
    return issue.model_copy(update={"dependencies": tuple(dict.fromkeys([*own, *added]))})
