"""The formats of a backlog by name, and the detection of one from its content."""

import csv
import io
from itertools import islice
from typing import Final

from bench.intake.beads import ImportReport, read_beads
from bench.intake.documents import scan_values
from bench.intake.errors import IntakeError
from bench.intake.formats.base import Format, Json, at, entries_of
from bench.intake.formats.github import GITHUB
from bench.intake.formats.gitlab import GITLAB
from bench.intake.formats.harbor import is_harbor, read_harbor
from bench.intake.formats.jira import JIRA
from bench.intake.formats.linear import CSV_COLUMNS, LINEAR
from bench.intake.formats.mapped import FieldMap
from bench.intake.formats.read import read_export, read_rows
from bench.intake.formats.swe_bench import SWE_BENCH
from bench.intake.given import Given
from bench.intake.plan_tracker import read_tracker
from planner.system.progress import ProgressReporter, no_progress

EXPORTS: Final[dict[str, Format]] = {form.name: form for form in (GITHUB, GITLAB, JIRA, LINEAR, SWE_BENCH)}
"""The JSON exports of other tools."""
NAMES: Final = ("beads", "plan-tracker", *EXPORTS, "harbor")
_MARKDOWN: Final = frozenset({".md", ".markdown"})
_MOST_TRIED: Final = 20
_MOST_CSV_FIELD: Final = 16 * 2**20


def read_format(
    backlog: Given, name: str, fields: FieldMap, progress: ProgressReporter = no_progress
) -> ImportReport:
    """Parse a backlog in one of `NAMES`.

    Raises: `IntakeError` where it cannot be read, or the format has no JSON records that `fields` could be of.
    """
    report = _read(backlog, name, fields, progress)
    report.is_stdin, report.form = backlog.is_stdin, name
    return report


def _read(backlog: Given, name: str, fields: FieldMap, progress: ProgressReporter) -> ImportReport:
    if name not in EXPORTS and fields:
        raise IntakeError(f"--map and --items are for JSON exports; --format {name} has fields of its own")
    if name == "beads":
        return read_beads(backlog, progress)
    if name == "plan-tracker":
        return read_tracker(backlog)
    if name == "harbor":
        return read_harbor(backlog.path)
    text = backlog.text()
    if name == "linear" and _is_linear_csv(text):
        return _read_csv(text, backlog.name, fields)
    return read_export(text, backlog.name, EXPORTS[name], fields)


def read_mapped(backlog: Given, fields: FieldMap) -> ImportReport:
    """Parse any JSON by the paths of `fields` alone.

    Raises: `IntakeError` where it cannot be read, or no path is that of the id.
    """
    if "id" not in fields.paths:
        raise IntakeError("--map id=JSONPATH is missing: it names the id of an issue, as in --map 'id=$.key'")
    report = read_export(backlog.text(), backlog.name, None, fields)
    report.is_stdin, report.form = backlog.is_stdin, "map"
    return report


def detect(backlog: Given) -> str:
    """The name of the format that a backlog is unmistakably of; `beads` where it is none of the others.

    Raises: `IntakeError` where it cannot be read.
    """
    if not backlog.is_stdin:
        if is_harbor(backlog.path):
            return "harbor"
        if backlog.path.suffix.lower() in _MARKDOWN:
            return "plan-tracker"
    record = _first_of_line(backlog)
    if record is not None:
        return _fitting(record) or "beads"
    text = backlog.text()
    if _is_linear_csv(text):
        return "linear"
    values = (scanned.value for scanned in islice(scan_values(text), _MOST_TRIED))
    return next((name for name in map(_fitting, values) if name), "beads")


def _first_of_line(backlog: Given) -> Json | None:
    """The object that the first line with text holds; None where it holds none, or only a part of one."""
    for line in backlog.lines():
        text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
        if text.strip("\ufeff \t\r\n"):
            scanned = next(iter(scan_values(text, flat=False)), None)
            value = None if scanned is None else scanned.value
            return value if isinstance(value, dict) else None
    return None


def _fitting(document: object) -> str | None:
    """The name of the export that a document, or the first record of its list, is unmistakably of."""
    if not isinstance(document, dict):
        return None
    for form in EXPORTS.values():
        listed = (entries_of(at(document, path)) for path in form.lists)
        first = next((entries[0] for entries in listed if entries), document)
        if isinstance(first, dict) and form.fits(first):
            return form.name
    return None


def _is_linear_csv(text: str) -> bool:
    head = text[:4096].lstrip("\ufeff").partition("\n")[0]
    columns = {column.strip().strip('"') for column in head.split(",")}
    return columns >= CSV_COLUMNS and "Team" in columns


def _read_csv(text: str, name: str, fields: FieldMap) -> ImportReport:
    """The rows of a CSV as records of their columns."""
    csv.field_size_limit(_MOST_CSV_FIELD)
    rows = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    try:
        records = [{key: value for key, value in row.items() if isinstance(key, str)} for row in rows]
    except csv.Error as error:
        raise IntakeError(f"{name}: line {rows.line_num}: not CSV: {error}; export it again") from error
    return read_rows(enumerate(records, start=2), name, LINEAR, fields)
