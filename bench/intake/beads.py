"""Tolerant parser of Beads files in both dialects. A bad line is reported, never fatal."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.intake.beads_issue import make_issue, usable_id
from bench.intake.bulk import collector_paused
from bench.intake.dependencies import DECIDING
from bench.intake.deps_file import DepsReport, read_adjacent_deps
from bench.intake.fields import Fields
from bench.intake.given import Given
from bench.intake.issue import Dependency, Issue
from bench.intake.json_array import numbered_records
from bench.intake.json_line import read_record
from bench.intake.mistakes import warn_of_mistakes
from bench.intake.times import parse_time
from planner.system.progress import ProgressReporter, no_progress

# An id in a line that is not valid JSON.
_ID_IN_TEXT: Final = re.compile(r'"id"\s*:\s*(?:"([^"\\]{1,200})"|(\d{1,20}))')


@dataclass
class ImportReport:
    """Result of parsing a file of issues. Lines are counted from 1."""

    source: str
    """The name of the file, as it was given."""
    is_stdin: bool = False
    form: str = ""
    """The name of the format; map where it was read by paths of fields alone."""
    issues: list[Issue] = field(default_factory=list)
    """In the order in which their ids first occur."""
    bad_lines: list[tuple[int, str]] = field(default_factory=list)
    """Lines without an issue, with the reason."""
    warnings: list[tuple[int, str]] = field(default_factory=list)
    """Fields of the wrong type that were replaced by the default."""
    skipped_memory: int = 0
    duplicates: int = 0
    """The number of superseded lines: those whose id a newer line has."""
    deps: DepsReport | None = None
    """The parsed `deps.jsonl` of the same directory."""
    unknown: list[Dependency] = field(default_factory=list)
    """Dangling dependencies that affect readiness: one end is no issue of the file."""
    unreadable_ids: set[str] = field(default_factory=set)
    """Ids that occur in bad lines."""
    origins: dict[str, str] = field(default_factory=dict)
    """By issue: the repository, project or site that it is of, where its format names one."""
    has_unknown_ids: bool = False
    """Whether a record was left out whose id is not known, so that any issue may only seem to be missing."""
    ends_midway: bool = False
    """Whether the last line is bad and has no newline: the file may be truncated there."""

    @property
    def escalations(self) -> list[str]:
        """Ids of issues that are imported and never benched."""
        return [issue.id for issue in self.issues if issue.is_escalation]


def read_issues_file(path: Path) -> ImportReport:
    """Parse a file of issues and the `deps.jsonl` of its directory.

    Raises: `IntakeError` where one of them cannot be read.
    """
    return read_beads(Given(path))


def read_beads(backlog: Given, progress: ProgressReporter = no_progress) -> ImportReport:
    """Parse a file of issues and the `deps.jsonl` of its directory; of standard input there is no such file.

    Raises: `IntakeError` where one of them cannot be read.
    """
    read_deps = (lambda: None) if backlog.is_stdin else lambda: read_adjacent_deps(backlog.path)
    lines = backlog.lines("name a Beads file that can be read")
    return read_issues(lines, backlog.name, read_deps, progress)


def read_issues(
    lines: Iterable[bytes | str],
    source: str,
    read_deps: Callable[[], DepsReport | None] = lambda: None,
    progress: ProgressReporter = no_progress,
) -> ImportReport:
    """Parse all issues of a Beads file; of equal ids the one `updated` last is kept, then the later line.

    A line is bad only where it is a merge marker, no JSON object, or without a usable id.
    """
    report = ImportReport(source)
    newest: dict[str, Issue] = {}
    with collector_paused():
        for number, line in progress(numbered_records(lines), "reading issues"):
            issue = _read_line(line, number, report)
            if issue is None:
                continue
            known = newest.get(issue.id)
            report.duplicates += known is not None
            if known is None or is_newer(issue, known):
                newest[issue.id] = issue
        report.deps = read_deps()
        report.issues = list(with_dependencies(newest, report).values())
    return report


def is_newer(later_line: Issue, earlier_line: Issue) -> bool:
    """Whether the later line supersedes the earlier one; an issue without a time is older than any with one."""
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
        report.unreadable_ids.update(match[1] or match[2] for match in _ID_IN_TEXT.finditer(text))
        return None

    def warn(text: str) -> None:
        report.warnings.append((number, f"{issue_id}: {text}"))

    warn_of_mistakes(record, warn)
    return make_issue(issue_id, Fields(record, warn))


def with_dependencies(issues: dict[str, Issue], report: ImportReport) -> dict[str, Issue]:
    """The issues, each with all edges from it, whichever line or file they come from."""
    elsewhere = [] if report.deps is None else report.deps.edges
    by_waiting: dict[str, list[Dependency]] = {}
    for edge in [d for issue in issues.values() for d in issue.dependencies if d.issue_id != issue.id]:
        by_waiting.setdefault(edge.issue_id, []).append(edge)
    for edge in elsewhere:
        by_waiting.setdefault(edge.issue_id, []).append(edge)
    complete = {issue_id: _complete(issue, by_waiting) for issue_id, issue in issues.items()}
    for edges in (by_waiting.get(owner, ()) for owner in by_waiting.keys() - issues.keys()):
        report.unknown += (edge for edge in edges if edge.type in DECIDING)
    for issue in complete.values():
        report.unknown += (
            edge for edge in issue.dependencies if edge.type in DECIDING and edge.depends_on_id not in issues
        )
    return complete


def _complete(issue: Issue, by_waiting: dict[str, list[Dependency]]) -> Issue:
    own = [edge for edge in issue.dependencies if edge.issue_id == issue.id]
    added = by_waiting.get(issue.id, [])
    if not added and len(own) == len(issue.dependencies):
        return issue
    return issue.model_copy(update={"dependencies": tuple(dict.fromkeys([*own, *added]))})
