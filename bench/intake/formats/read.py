"""Reader of a JSON export: scans its records, converts and maps each, and keeps the newest of equal ids."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bench.intake.beads import ImportReport, is_newer, with_dependencies
from bench.intake.beads_issue import make_issue, usable_id
from bench.intake.bulk import collector_paused
from bench.intake.documents import ScannedValue, scan_values
from bench.intake.errors import IntakeError
from bench.intake.fields import Fields, cleaned
from bench.intake.formats.base import Converted, Format, Json, NoIssueError, OtherRecordError, at, entries_of
from bench.intake.formats.mapped import FieldMap, mapped, matches_of, without_match
from bench.intake.issue import Issue
from bench.intake.mistakes import warn_of_mistakes


@dataclass
class _Reading:
    """What has been read so far."""

    form: Format | None
    fields: FieldMap
    report: ImportReport
    newest: dict[str, Issue] = field(default_factory=dict)
    mapped_records: list[Json] = field(default_factory=list)


def read_export(text: str, name: str, form: Format | None, fields: FieldMap) -> ImportReport:
    """Parse the issues of an export called `name`; a bad record is reported, never fatal by itself.

    Args:
        form: converts a record; None: its fields are those that `fields` maps.
        fields: is laid over what `form` makes of a record.

    Raises: `IntakeError` where a path of `fields` matches in no record.
    """
    reading = _Reading(form, fields, ImportReport(name))
    with collector_paused():
        for scanned in scan_values(text, flat=fields.items is None):
            _take_value(reading, scanned)
        return _finished(reading)


def read_rows(rows: Iterable[tuple[int, Json]], name: str, form: Format, fields: FieldMap) -> ImportReport:
    """Parse the issues of numbered records; the rest is as for `read_export`."""
    reading = _Reading(form, fields, ImportReport(name))
    with collector_paused():
        for number, record in rows:
            _take_record(reading, number, "", record)
        return _finished(reading)


def _finished(reading: _Reading) -> ImportReport:
    report = reading.report
    _check_paths(reading)
    report.issues = list(with_dependencies(reading.newest, report).values())
    report.origins = {key: origin for key, origin in report.origins.items() if key in reading.newest}
    return report


def _take_value(reading: _Reading, scanned: ScannedValue) -> None:
    report = reading.report
    report.ends_midway = scanned.is_end
    if scanned.error is not None:
        _leave_out(report, scanned.line, scanned.error)
        return
    try:
        for where, record in _records(reading, scanned.value):
            _take_record(reading, scanned.line, where, record)
    except ValueError as error:
        _leave_out(report, scanned.line, str(error))


def _records(reading: _Reading, document: Any) -> Iterator[tuple[str, Any]]:
    """The records of a document, each with its place in it; a document without a list is a record itself."""
    if reading.fields.items is not None:
        for number, record in enumerate(matches_of(reading.fields.items, cleaned(document))):
            yield f"item {number}: ", record
        return
    for path in () if reading.form is None else reading.form.lists:
        listed = at(document, path)
        if isinstance(listed, list | dict):
            for number, record in enumerate(entries_of(listed)):
                yield f"{'.'.join(path)}[{number}]: ", record
            return
    yield "", document


def _take_record(reading: _Reading, line: int, where: str, record: Any) -> None:
    report = reading.report
    try:
        if not isinstance(record, dict):
            raise NoIssueError("not a JSON object")
        converted = _converted(reading, cleaned(record), line)
        issue_id = usable_id(converted.record)
    except OtherRecordError as error:
        report.bad_lines.append((line, f"{where}{error}"))
        return
    except (ValueError, RecursionError) as error:
        _leave_out(report, line, f"{where}{error}")
        return

    def warn(text: str) -> None:
        report.warnings.append((line, f"{issue_id}: {text}"))

    warn_of_mistakes(converted.record, warn)
    issue = make_issue(issue_id, Fields(converted.record, warn))
    known = reading.newest.get(issue_id)
    report.duplicates += known is not None
    if known is None or is_newer(issue, known):
        reading.newest[issue_id] = issue
        if converted.origin is not None:
            report.origins[issue_id] = converted.origin


def _converted(reading: _Reading, record: Json, line: int) -> Converted:
    def warn(text: str) -> None:
        reading.report.warnings.append((line, text))

    values = mapped(reading.fields.paths, record)
    reading.mapped_records.append(values)
    if reading.form is None:
        if "id" not in values:
            path = reading.fields.paths.get("id")
            raise NoIssueError("no id" if path is None else f"no id: {path} matches nothing in it")
        return Converted(values)
    converted = reading.form.convert(record, warn)
    return Converted({**converted.record, **values}, converted.origin)


def _leave_out(report: ImportReport, line: int, reason: str) -> None:
    report.bad_lines.append((line, reason))
    report.has_unknown_ids = True


def _check_paths(reading: _Reading) -> None:
    """Refuse a path that matches in no record: it is a wrong one, and the field would stay empty unseen."""
    records, name = reading.mapped_records, reading.report.source
    if reading.fields.items is not None and not records and not reading.report.bad_lines:
        raise IntakeError(f"--items {reading.fields.items}: matches nothing in {name}")
    for field_name in without_match(reading.fields.paths, records) if records else ():
        path = reading.fields.paths[field_name]
        raise IntakeError(
            f"--map {field_name}={path}: matches nothing in any of the {len(records)} records of {name}; "
            "correct the path, or leave the option out"
        )
