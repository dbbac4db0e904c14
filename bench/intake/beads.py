"""Reading Beads files: both dialects, dirty as they are. A bad line is named, never fatal."""

import io
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.intake.errors import IntakeError
from bench.intake.fields import MAX_DEPTH, Fields, cleaned
from bench.intake.issue import PRIORITIES, RISKS, SIZES, Issue
from bench.intake.times import parse_time
from planner.regular_files import MIB, open_regular
from workers.repository import blotted, has_credential

_UPSTREAM: Final = {"_type", "priority", "labels", "created_at", "updated_at", "estimated_minutes"}
_NAMED: Final = frozenset({*Issue.model_fields, *_UPSTREAM} - {"extra"})
_MERGE_MARKERS: Final = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")
# estimated_minutes up to this are of this size
_SIZE_BY_MINUTES: Final = ((30, "XS"), (120, "S"), (480, "M"), (1440, "L"))
_LONGEST_ID: Final = 200
_LONGEST_LINE: Final = 16 * MIB


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

    @property
    def escalations(self) -> list[str]:
        """Ids of issues that are imported and never benched."""
        return [issue.id for issue in self.issues if issue.is_escalation]


def read_issues_file(path: Path) -> ImportReport:
    """`read_issues` of a file; `IntakeError` where it cannot be read."""
    try:
        with open_regular(path) as lines:
            return read_issues(_bounded(lines, path), str(path))
    except OSError as error:
        raise IntakeError(f"{path}: {error.strerror}; name a Beads file that can be read") from error


def _bounded(lines: io.BufferedReader, path: Path) -> Iterator[bytes]:
    """The lines of a file; `IntakeError` where one is longer than any issue."""
    while line := lines.readline(_LONGEST_LINE + 1):
        if len(line) > _LONGEST_LINE:
            raise IntakeError(f"{path}: a line of more than {_LONGEST_LINE // MIB} MiB; name a Beads file")
        yield line


def read_issues(lines: Iterable[bytes | str], source: str) -> ImportReport:
    """All issues of a Beads file; of a repeated id the one `updated` last stays, then the later line.

    A line is bad only where it is a merge marker, no JSON object, or without a usable id.
    """
    report = ImportReport(source)
    newest: dict[str, Issue] = {}
    for number, line in enumerate(lines, start=1):
        issue = _read_line(line, number, report)
        if issue is None:
            continue
        known = newest.get(issue.id)
        report.duplicates += known is not None
        if known is None or is_newer(issue, known):
            newest[issue.id] = issue
    report.issues = list(newest.values())
    return report


def is_newer(later_line: Issue, earlier_line: Issue) -> bool:
    """An issue without a time is older than any with one."""
    later, earlier = (parse_time(issue.updated or "") for issue in (later_line, earlier_line))
    return earlier is None or (later is not None and later >= earlier)


def _read_line(line: bytes | str, number: int, report: ImportReport) -> Issue | None:
    try:
        record = _record(line, number, report)
        if record is None:
            return None
        if record.get("_type") == "memory":
            report.skipped_memory += 1
            return None
        issue_id = usable_id(record)
    except (ValueError, RecursionError) as error:
        report.bad_lines.append((number, str(error)))
        return None

    def warn(text: str) -> None:
        report.warnings.append((number, f"{issue_id}: {text}"))

    return make_issue(issue_id, Fields(record, warn))


def _record(line: bytes | str, number: int, report: ImportReport) -> dict[str, Any] | None:
    """The JSON object of a line, None for a blank one; ValueError says why there is none."""
    text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
    text = text.strip().removeprefix("\ufeff").strip()
    if not text:
        return None
    if text.startswith(_MERGE_MARKERS):
        raise ValueError("a merge marker; resolve the conflict in this file")
    if isinstance(line, bytes) and "\ufffd" in text and "\ufffd".encode() not in line:
        report.warnings.append((number, "bytes that are not UTF-8 were replaced"))
    try:
        record = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")
    found: dict[str, Any] = cleaned(record) if _needs_cleaning(line, text) else record
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _no_constant(digits[:20])


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)


def _needs_cleaning(line: bytes | str, text: str) -> bool:
    """Whether the line can hold what `cleaned` mends: most lines cannot, and skipping them saves time."""
    raw_surrogates = isinstance(line, str) and not line.isascii()
    return raw_surrogates or "\\u" in text or text.count("[") + text.count("{") > MAX_DEPTH


def usable_id(record: dict[str, Any]) -> str:
    """The id of a record; ValueError says why it has none."""
    kind = record.get("_type")
    if kind not in (None, "issue"):
        raise ValueError(f"_type {kind!r:.40} is no issue")
    value = record.get("id")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError("no id")
    issue_id = value.strip()
    if len(issue_id) > _LONGEST_ID or not issue_id.isprintable() or "\ufffd" in issue_id:
        raise ValueError(f"the id {issue_id!r:.40} is too long or holds signs that cannot be printed")
    return issue_id


def make_issue(issue_id: str, fields: Fields) -> Issue:
    """The issue of a record of either dialect, or of both mixed."""
    record = fields.record
    tags, hints = _tags_and_hints(fields)
    _, risk = fields.first("dk_risk")
    return Issue.model_validate(
        {
            "id": issue_id,
            "title": fields.text("title") or "",
            "description": fields.text("description") or "",
            "status": (fields.text("status") or "").strip().lower() or "open",
            "created": fields.time("created", "created_at"),
            "updated": fields.time("updated", "updated_at"),
            "tags": tags,
            "dk_priority": _priority(fields),
            "dk_risk": fields.choice("dk_risk", hints.get("risk") if risk is None else risk, RISKS, "medium"),
            "dk_size": _size(fields, hints.get("size")),
            "dk_tool_hint": fields.text("dk_tool_hint") or hints.get("tool") or None,
            "dk_attempts": fields.number("dk_attempts") or 0,
            "dk_speculate": fields.flag("dk_speculate"),
            "dk_parent": fields.text("dk_parent"),
            "acceptance_criteria": fields.texts("acceptance_criteria"),
            "forbidden_paths": fields.texts("forbidden_paths"),
            "context_files": fields.texts("context_files"),
            "dk_estimated_tokens": fields.number("dk_estimated_tokens"),
            "issue_type": fields.text("issue_type"),
            "dependencies": _dependencies(issue_id, fields),
            "workcell": _workcell(fields),
            "extra": {key: value for key, value in record.items() if key not in _NAMED},
        }
    )


def _tags_and_hints(fields: Fields) -> tuple[tuple[str, ...], dict[str, str]]:
    """Tags and labels, without `risk:*`, `size:*` and `tool:*` labels, and what those said."""
    tags, hints = dict.fromkeys(fields.texts("tags")), {}
    for label in fields.texts("labels"):
        kind, colon, value = label.partition(":")
        if colon and kind in {"risk", "size", "tool"}:
            hints[kind] = value.strip()
        else:
            tags[label] = None
    return tuple(tags), hints


def _priority(fields: Fields) -> str:
    """P0–P3; upstream's 0–3 are those and its 4 is P3."""
    name, value = fields.first("dk_priority", "priority")
    number = str(value).strip() if not isinstance(value, bool) else ""
    if number in {"0", "1", "2", "3", "4"}:
        return PRIORITIES[min(int(number), 3)]
    return fields.choice(name, value, PRIORITIES, "P2")


def _size(fields: Fields, hint: str | None) -> str:
    _, named = fields.first("dk_size")
    if named is not None or hint is not None:
        return fields.choice("dk_size", hint if named is None else named, SIZES, "M")
    minutes = fields.number("estimated_minutes")
    if minutes is None:
        return "M"
    return next((size for limit, size in _SIZE_BY_MINUTES if minutes <= limit), "XL")


def _dependencies(issue_id: str, fields: Fields) -> list[dict[str, str]]:
    entries = fields.record.get("dependencies")
    if entries is None:
        return []
    if not isinstance(entries, list):
        fields.warn("dependencies: not a list; left out")
        return []
    found = []
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get("depends_on_id"), str):
            owner, kind = entry.get("issue_id"), entry.get("type")
            found.append(
                {
                    "issue_id": owner if isinstance(owner, str) else issue_id,
                    "depends_on_id": entry["depends_on_id"],
                    "type": kind if isinstance(kind, str) else "blocks",
                }
            )
        else:
            fields.warn("dependencies: an entry names no depends_on_id; left out")
    return found


def _workcell(fields: Fields) -> dict[str, Any] | None:
    value = fields.record.get("workcell")
    if value is None:
        return None
    if not isinstance(value, dict):
        fields.warn("workcell: not an object; left out")
        return None
    repo = value.get("repo")
    if not isinstance(repo, str) or not has_credential(repo):
        return value
    # What is left is refused at submit, and says why.
    fields.warn(
        "workcell.repo: holds a user, password or token, which is not stored; take it out of the file"
    )
    return {**value, "repo": blotted(repo)}
