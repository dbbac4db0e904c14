"""Tolerant parser of `deps.jsonl`, the file of dependencies in the directory of the issues."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.intake.dependencies import edge_of
from bench.intake.issue import Dependency
from bench.intake.json_array import numbered_records
from bench.intake.json_line import read_record
from bench.intake.text_lines import read_lines

NAME: Final = "deps.jsonl"


@dataclass
class DepsReport:
    """Result of parsing a file of dependencies. Lines are counted from 1."""

    source: str
    edges: list[Dependency] = field(default_factory=list)
    """The dependencies in their order, without duplicates."""
    bad_lines: list[tuple[int, str]] = field(default_factory=list)
    warnings: list[tuple[int, str]] = field(default_factory=list)


def read_adjacent_deps(issues: Path) -> DepsReport | None:
    """Parse the `deps.jsonl` in the directory of a file of issues; None where there is none.

    Raises: `IntakeError` where it cannot be read; without it, work would start before its dependencies.
    """
    path = issues.with_name(NAME)
    if issues.name == NAME or not os.path.lexists(path):
        return None
    return read_deps(read_lines(path, "make it readable, or move it away"), str(path))


def read_deps(lines: Iterable[bytes | str], source: str) -> DepsReport:
    """Parse all dependencies of a file; a bad line is reported, never fatal."""
    report = DepsReport(source)
    edges: dict[Dependency, None] = {}
    for number, line in numbered_records(lines):
        try:
            edge = _edge(line, number, report)
        except (ValueError, RecursionError) as error:
            report.bad_lines.append((number, str(error)))
            continue
        if edge is not None:
            edges[edge] = None
    report.edges = list(edges)
    return report


def _edge(line: bytes | str, number: int, report: DepsReport) -> Dependency | None:
    record = read_record(line, lambda text: report.warnings.append((number, text)))
    return None if record is None else edge_of(record)
