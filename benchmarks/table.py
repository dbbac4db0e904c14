"""The table of benchmarks: each row a ratio against a yardstick of the same run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


@dataclass(frozen=True)
class Row:
    """One line of the table, in words and numbers a reader can check."""

    name: str
    measured: str
    yardstick: str
    """What it is held against, with its own figure from this run."""
    ratio: str
    aim: str = ""
    reached: bool | None = None
    """Whether the aim was reached; None where there is none."""


@dataclass(frozen=True)
class Scale:
    """How much of everything is measured."""

    slot_executions: tuple[tuple[float, int], ...]
    """(seconds of sleep, executions)"""
    short_executions: int
    fixed_cost_runs: int
    plane_seconds: float
    bells: int
    submitted: int
    outcomes: int


FULL = Scale(((1.0, 320), (30.0, 32)), 4000, 20, 5.0, 60, 100_000, 1_000_000)
QUICK = Scale(((1.0, 96),), 1000, 5, 1.5, 15, 10_000, 100_000)
TINY = Scale(((0.2, 32),), 40, 1, 0.3, 2, 400, 2_000)
"""For the test that the command works at all."""


HEAD = ("what", "measured", "yardstick, same run", "ratio", "aim", "")


def markdown(rows: Iterable[Row]) -> str:
    """The table as Markdown, its columns aligned so that it reads as well in a terminal."""
    lines = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    shown = [_line(line, widths) for line in lines]
    return "\n".join([shown[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *shown[1:]])


def _cells(row: Row) -> tuple[str, ...]:
    mark = {None: "", True: "yes", False: "no"}[row.reached]
    return (row.name, row.measured, row.yardstick, row.ratio, row.aim, mark)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def write_between_markers(file: Path, text: str) -> None:
    """Replace what stands between the markers of `file`; a `ValueError` where they are missing."""
    head, begin, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{file} has no place for the table: put {BEGIN} and {END} where it belongs")
    file.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}", encoding="utf-8")
