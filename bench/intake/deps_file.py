"""`deps.jsonl`: the dependencies that lie in a file of their own beside the issues, dirty as they are."""

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
    """What a file of dependencies held. Lines are counted from 1."""

    source: str
    edges: list[Dependency] = field(default_factory=list)
    """In their order, without repetition."""
    bad_lines: list[tuple[int, str]] = field(default_factory=list)
    warnings: list[tuple[int, str]] = field(default_factory=list)


def read_deps_beside(issues: Path) -> DepsReport | None:
    """The dependencies beside a file of issues; None where there is no such file.

    `IntakeError` where there is one that cannot be read: without it, work would start before what it waits for.
    """
    place = issues.with_name(NAME)
    if issues.name == NAME or not os.path.lexists(place):
        return None
    return read_deps(read_lines(place, "make it readable, or move it away"), str(place))


def read_deps(lines: Iterable[bytes | str], source: str) -> DepsReport:
    """All dependencies of a file; a line that holds none is named, never fatal."""
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
