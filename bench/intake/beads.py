"""Reading Beads files: both dialects, dirty as they are. A bad line is named, never fatal."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from bench.intake.issue import PRIORITIES, RISKS, SIZES, Dependency, Issue

_UPSTREAM_MARKS = frozenset(
    {"_type", "priority", "issue_type", "labels", "created_at", "updated_at", "estimated_minutes"}
)
_NAMED = frozenset(Issue.model_fields) - {"extra"}
_MERGE_MARKERS = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")
# estimated_minutes up to this are of this size
_SIZE_BY_MINUTES = ((30, "XS"), (120, "S"), (480, "M"), (1440, "L"))


@dataclass
class ImportReport:
    """What a file held. Lines are counted from 1."""

    source: str
    issues: list[Issue] = field(default_factory=list)
    bad_lines: list[tuple[int, str]] = field(default_factory=list)
    warnings: list[tuple[int, str]] = field(default_factory=list)
    """Fields that were not of their type and fell back to the default."""
    skipped_memory: int = 0
    duplicates: int = 0


def read_issues(lines: Iterable[bytes | str], source: str) -> ImportReport:
    """All issues of a Beads file; of a repeated id the one `updated` last stays, then the later line."""
    report = ImportReport(source)
    newest: dict[str, Issue] = {}
    for number, line in enumerate(lines, start=1):
        issue = _read_line(line, number, report)
        if issue is None:
            continue
        known = newest.get(issue.id)
        report.duplicates += known is not None
        if known is None or (issue.updated or "") >= (known.updated or ""):
            newest[issue.id] = issue
    report.issues = list(newest.values())
    return report


def _read_line(line: bytes | str, number: int, report: ImportReport) -> Issue | None:
    text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
    text = text.lstrip("\ufeff").strip()
    if not text:
        return None
    if text.startswith(_MERGE_MARKERS):
        return _bad(report, number, "a merge marker: resolve the conflict in this file")
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        return _bad(report, number, f"not JSON: {error}")
    if not isinstance(record, dict):
        return _bad(report, number, "not a JSON object")
    if record.get("_type", "issue") != "issue":
        report.skipped_memory += 1
        return None
    if not isinstance(record.get("id"), str) or not record["id"].strip():
        return _bad(report, number, "no id")
    fields = _Fields(record, lambda text: report.warnings.append((number, f"{record['id']}: {text}")))
    return _issue(fields)


def _bad(report: ImportReport, number: int, reason: str) -> None:
    report.bad_lines.append((number, reason))


class _Fields:
    """Typed access to a dirty record: a value of another type is reported and becomes the default."""

    def __init__(self, record: dict[str, Any], warn: Callable[[str], None]) -> None:
        self.record = record
        self.warn = warn

    def text(self, *names: str) -> str | None:
        for name in names:
            value = self.record.get(name)
            if isinstance(value, str):
                return value
            self._complain(name, value, "text")
        return None

    def number(self, name: str) -> int | None:
        value = self.record.get(name)
        try:
            if isinstance(value, str | int | float) and not isinstance(value, bool):
                return int(float(value))
        except (ValueError, OverflowError):
            pass
        self._complain(name, value, "a number")
        return None

    def texts(self, *names: str) -> tuple[str, ...]:
        for name in names:
            value = self.record.get(name)
            if isinstance(value, str):
                return tuple(part.strip("-* \t") for part in value.splitlines() if part.strip("-* \t"))
            if isinstance(value, list):
                kept = tuple(item for item in value if isinstance(item, str))
                if len(kept) < len(value):
                    self.warn(f"{name}: {len(value) - len(kept)} entries are not text")
                return kept
            self._complain(name, value, "a list of texts")
        return ()

    def choice(self, name: str, value: object, allowed: tuple[str, ...], default: str) -> str:
        if value is None:
            return default
        folded = str(value).strip()
        for candidate in allowed:
            if candidate.lower() == folded.lower():
                return candidate
        self.warn(f"{name}: {value!r} is not one of {', '.join(allowed)}; taken as {default}")
        return default

    def _complain(self, name: str, value: object, wanted: str) -> None:
        if value is not None:
            self.warn(f"{name}: {value!r:.40} is not {wanted}")


def _issue(fields: _Fields) -> Issue:
    record = fields.record
    tags, hints = _tags_and_hints(fields)
    return Issue.model_validate(
        {
            "id": record["id"].strip(),
            "title": fields.text("title") or "",
            "description": fields.text("description") or "",
            "status": (fields.text("status") or "open").strip().lower(),
            "created": fields.text("created", "created_at"),
            "updated": fields.text("updated", "updated_at"),
            "tags": tags,
            "dk_priority": _priority(fields),
            "dk_risk": fields.choice("dk_risk", record.get("dk_risk", hints.get("risk")), RISKS, "medium"),
            "dk_size": _size(fields, hints.get("size")),
            "dk_tool_hint": fields.text("dk_tool_hint") or hints.get("tool"),
            "dk_attempts": max(0, fields.number("dk_attempts") or 0),
            "dk_speculate": record.get("dk_speculate") is True,
            "dk_parent": fields.text("dk_parent"),
            "acceptance_criteria": fields.texts("acceptance_criteria"),
            "forbidden_paths": fields.texts("forbidden_paths"),
            "context_files": fields.texts("context_files"),
            "dk_estimated_tokens": fields.number("dk_estimated_tokens"),
            "issue_type": fields.text("issue_type"),
            "dependencies": _dependencies(fields),
            "workcell": _workcell(fields),
            "extra": {key: value for key, value in record.items() if key not in _NAMED | _UPSTREAM_MARKS},
        }
    )


def _tags_and_hints(fields: _Fields) -> tuple[tuple[str, ...], dict[str, str]]:
    """Tags without `risk:*`, `size:*` and `tool:*` labels, and what those said."""
    if "labels" not in fields.record:
        return fields.texts("tags"), {}
    tags, hints = [], {}
    for label in fields.texts("labels"):
        kind, colon, value = label.partition(":")
        if colon and kind in {"risk", "size", "tool"}:
            hints[kind] = value
        else:
            tags.append(label)
    return (*fields.texts("tags"), *tags), hints


def _priority(fields: _Fields) -> str:
    if "dk_priority" in fields.record:
        return fields.choice("dk_priority", fields.record["dk_priority"], PRIORITIES, "P2")
    number = fields.number("priority")
    return "P2" if number is None else PRIORITIES[min(max(number, 0), 3)]


def _size(fields: _Fields, hint: str | None) -> str:
    named = fields.record.get("dk_size", hint)
    if named is not None:
        return fields.choice("dk_size", named, SIZES, "M")
    minutes = fields.number("estimated_minutes")
    if minutes is None:
        return "M"
    return next((size for limit, size in _SIZE_BY_MINUTES if minutes <= limit), "XL")


def _dependencies(fields: _Fields) -> tuple[Dependency, ...]:
    entries = fields.record.get("dependencies")
    if not isinstance(entries, list):
        return ()
    found = []
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get("depends_on_id"), str):
            owner, kind = entry.get("issue_id"), entry.get("type")
            found.append(
                Dependency(
                    issue_id=owner if isinstance(owner, str) else fields.record["id"],
                    depends_on_id=entry["depends_on_id"],
                    type=kind if isinstance(kind, str) else "blocks",
                )
            )
        else:
            fields.warn("dependencies: an entry names no depends_on_id")
    return tuple(found)


def _workcell(fields: _Fields) -> dict[str, Any] | None:
    value = fields.record.get("workcell")
    if value is None or isinstance(value, dict):
        return value
    fields.warn("workcell: not an object")
    return None
