"""CSV as in RFC 4180, with the line breaks of Unix: a header, LF, quotes where they are needed."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import Any, Final

from planner.system.foreign_text import json_text, visible_line

_FORMULA: Final = ("=", "+", "-", "@")


def csv_text(rows: Sequence[Mapping[str, Any]], default: Callable[[Any], Any]) -> str:
    """The rows as CSV; empty where there are none. `default` gives a plain value for one that JSON does not know.

    An object in a row becomes a column for each of its keys (`estimate.low`), a list one cell of JSON. Text is escaped
    as at the terminal, and text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    lines = [flat(row) for row in rows]
    columns = columns_of(lines)
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    if columns:
        writer.writerow([_safe(name) for name in columns])
    for row in lines:
        writer.writerow([_escaped(row.get(name), default) for name in columns])
    return written.getvalue()


def flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A row with a column `a.b` for each key of the objects in it."""
    cells: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping) and value:
            cells |= flat(value, f"{prefix}{name}.")
        else:
            cells[f"{prefix}{name}"] = value
    return cells


def cell_text(value: Any, default: Callable[[Any], Any]) -> str:
    """A value in a cell; text as it is."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float | Decimal):
        return number_text(value)
    if isinstance(value, list | tuple | Mapping):
        return json_text(value, indent=None, default=default)
    return value if isinstance(value, str) else cell_text(default(value), default)


def number_text(value: float | Decimal) -> str:
    """All digits of a number, without an exponent and without zeros that end its decimals."""
    if not isfinite(value):
        return str(value)
    if isinstance(value, float):
        text = str(value)
        return format(Decimal(text), "f") if "e" in text else text
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def columns_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns of all rows, in the order in which they first occur."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _escaped(value: Any, default: Callable[[Any], Any]) -> str:
    text = cell_text(value, default)
    return text if isinstance(value, int | float) else _safe(text)


def _safe(value: str) -> str:
    text = visible_line(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
