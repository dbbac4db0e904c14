"""The content of a Beads file with the result of one issue in it: only that issue's newest record is changed."""

import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from bench.intake.beads import is_newer
from bench.intake.beads_issue import make_issue, usable_id
from bench.intake.fields import Fields
from bench.intake.issue import Issue
from bench.intake.json_line import read_record
from bench.intake.times import parse_time
from bench.reporting.errors import NoTargetError, ReportError
from bench.reporting.json_edit import edited_object, literal_of
from bench.reporting.result import RunResult
from bench.reporting.text import note, note_marker, summary
from planner.system.clock import rfc3339

Json = dict[str, Any]
_UPSTREAM_KEYS: Final = frozenset(
    {"_type", "created_at", "updated_at", "issue_type", "labels", "priority", "estimated_minutes"}
)
_SKIPPER: Final = json.JSONDecoder(parse_float=str, parse_int=str)
_BETWEEN: Final = " \t\r\n,"
_REPORTED_EXTRA: Final = ("closed_at", "close_reason")


@dataclass(frozen=True, slots=True)
class RecordEdit:
    """A changed content of a Beads file."""

    content: bytes
    line: int
    """Where the changed record begins, from 1."""
    issue: Issue
    """The issue as the changed record describes it, without the dependencies of other lines."""


class _Record(NamedTuple):
    start: int
    end: int
    values: Json
    issue: Issue


def edited_content(content: bytes, result: RunResult, now: datetime) -> RecordEdit | None:
    """`content` with the result in the newest record of its issue; None where that is closed or has it already.

    Raises `NoTargetError` where no record is of that issue, `ReportError` where the record cannot take the result.
    """
    text = _decoded(content)
    record = _newest(text, result.issue_id)
    if record is None:
        raise NoTargetError(f"no line is of issue {result.issue_id}")
    if record.issue.is_closed or note_marker(result) in record.issue.notes:
        return None
    raw = text[record.start : record.end]
    try:
        changed = edited_object(raw, _literals(raw, record, result, now))
        parsed = read_record(_bytes(changed), lambda _text: None)
        issue = make_issue(result.issue_id, Fields(parsed or {}, lambda _text: None))
    except (ValueError, RecursionError) as error:
        raise ReportError(f"the line of issue {result.issue_id} cannot be edited: {error}") from error
    return RecordEdit(
        _bytes(text[: record.start] + changed + text[record.end :]),
        text.count("\n", 0, record.start) + 1,
        issue,
    )


def has_record(content: bytes, issue_id: str) -> bool:
    """Whether a record of `content` is of that issue."""
    return _newest(_decoded(content), issue_id) is not None


def stored_after(stored: Json, reported: Issue) -> Json:
    """The stored document of an issue with the fields that a report changes, as a later import will have it."""
    extra = dict(stored.get("extra") or {})
    extra |= {name: reported.extra[name] for name in _REPORTED_EXTRA if name in reported.extra}
    changes = {"status": reported.status, "updated": reported.updated, "notes": reported.notes}
    return {**stored, **changes, "extra": extra}


def _literals(raw: str, record: _Record, result: RunResult, now: datetime) -> dict[str, str]:
    """The new values as JSON literals, by key."""
    values = record.values
    is_upstream = not _UPSTREAM_KEYS.isdisjoint(values) and not any(key.startswith("dk_") for key in values)
    time = rfc3339(now, "seconds")
    changes = {}
    if result.result == "solved":
        changes["status"] = "closed" if is_upstream else "done"
    elif not is_upstream:
        changes["status"] = "escalated"
    if result.result == "solved" and is_upstream:
        changes |= {"closed_at": time, "close_reason": summary(result)}
    updated = parse_time(record.issue.updated or "")
    if updated is None or updated < now:
        changes[_updated_key(values, is_upstream=is_upstream)] = time
    literals = {key: _literal(value, raw) for key, value in changes.items()}
    return {**literals, "notes": _appended(literal_of(raw, "notes"), note(result), raw)}


def _updated_key(values: Json, *, is_upstream: bool) -> str:
    # `updated` has precedence for readers.
    if values.get("updated") is not None:
        return "updated"
    return "updated_at" if is_upstream or values.get("updated_at") is not None else "updated"


def _literal(value: str, raw: str) -> str:
    return json.dumps(value, ensure_ascii=raw.isascii())


def _appended(literal: str | None, line: str, raw: str) -> str:
    """A text with one more line, or a list with one more text; what it had is kept as it is written."""
    if literal is None or literal in ("null", '""'):
        return _literal(line, raw)
    if literal.startswith('"'):
        return literal[:-1] + _literal(f"\n{line}", raw)[1:]
    if not literal.startswith("["):
        raise ValueError("its notes are no text")
    comma = "" if literal[1:-1].strip() == "" else ", "
    return f"{literal[:-1].rstrip()}{comma}{_literal(line, raw)}]"


def _newest(text: str, issue_id: str) -> _Record | None:
    newest: _Record | None = None
    for start, end in _spans(text):
        record = _record_of(text, start, end, issue_id)
        if record is not None and (newest is None or is_newer(record.issue, newest.issue)):
            newest = record
    return newest


def _record_of(text: str, start: int, end: int, issue_id: str) -> _Record | None:
    raw = text[start:end]
    # Parsing all lines of a large file would take seconds; an id may be written with escapes.
    if issue_id not in raw and "\\u" not in raw and "\\/" not in raw:
        return None
    try:
        values = read_record(_bytes(raw), lambda _text: None)
        if values is None or values.get("_type") == "memory" or usable_id(values) != issue_id:
            return None
    except (ValueError, RecursionError):
        return None
    return _Record(start, end, values, make_issue(issue_id, Fields(values, lambda _text: None)))


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Begin and end of each record: lines, or the elements of an array that begins the file."""
    begin = next((at for at, character in enumerate(text) if character not in "\ufeff \t\r\n"), len(text))
    if text[begin : begin + 1] == "[":
        begin = yield from _elements(text, begin + 1)
    while begin < len(text):
        newline = text.find("\n", begin)
        end = len(text) if newline < 0 else newline + 1
        yield begin, end
        begin = end


def _elements(text: str, at: int) -> Generator[tuple[int, int], None, int]:
    """The elements up to the first that is no JSON; returns where the rest begins."""
    while True:
        while at < len(text) and text[at] in _BETWEEN:
            at += 1
        try:
            _, end = _SKIPPER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return at
        yield at, end
        at = end


def _decoded(content: bytes) -> str:
    if b"\0" in content[:2] or content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ReportError("it is UTF-16 or UTF-32; save it as UTF-8")
    return content.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
