"""View model of the matrix of cases and actions: one cell an arm, with a sign and a word for its state."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from db.repositories.page_rows import MatrixRow
from planner.actions import all_cells

_SIGNS = {
    "success": ("✓", "pass", "passed", "good"),
    "failed": ("✗", "fail", "failed", "bad"),
    "timeout": ("t", "time", "ran out of time", "bad"),
    "error": ("!", "error", "error", "warn"),
    "running": ("●", "runs", "running", "live"),
    "ready": ("○", "waits", "waits for a machine", "quiet"),
    "pending": ("·", "waits", "waits for its case", "quiet"),
    "skipped": ("–", "out", "left out", "quiet"),
    "cancelled": ("–", "out", "cancelled", "quiet"),
}


@dataclass(frozen=True)
class MatrixMark:
    """One execution: a sign for the eye, and a word for everybody."""

    execution_id: int
    sign: str
    short: str
    """A word of at most five letters."""
    word: str
    style: str


@dataclass(frozen=True)
class MatrixGroup:
    """Neighbouring columns of one topology, each with its budgets."""

    name: str
    budgets: list[str]


@dataclass
class MatrixCell:
    """One arm."""

    marks: list[MatrixMark] = field(default_factory=list)
    is_winner: bool = False


@dataclass(frozen=True)
class MatrixLine:
    """One case: a cell for each action, None where it is no arm."""

    case_id: int
    issue_id: str
    state: str
    cells: list[MatrixCell | None]


def matrix(rows: Iterable[MatrixRow], actions: Sequence[int]) -> list[MatrixLine]:
    """The lines of the matrix; `actions` are the canonical ranks of its columns."""
    lines = []
    for _, group in groupby(rows, lambda row: row.case_id):
        of_case = list(group)
        cells: dict[int, MatrixCell] = {}
        for row in of_case:
            if row.canonical_rank is None:
                continue
            cell = cells.setdefault(row.canonical_rank, MatrixCell())
            cell.is_winner = row.is_winner
            if row.execution_id is not None:
                cell.marks.append(_mark(row))
        first = of_case[0]
        columns = [cells.get(rank) for rank in actions]
        lines.append(MatrixLine(first.case_id, first.issue_id, first.case_state, columns))
    return lines


def headings(actions: Sequence[int]) -> list[MatrixGroup]:
    """The headings of the columns: a topology, and below it the budgets of each of its actions."""
    cells = all_cells()
    return [
        MatrixGroup(name, [cells[rank].label().removeprefix(name).strip() for rank in group])
        for name, group in groupby(actions, lambda rank: cells[rank].swarm_id)
    ]


def _mark(row: MatrixRow) -> MatrixMark:
    assert row.execution_id is not None
    sign, short, word, style = _SIGNS[row.status or row.state or "pending"]
    full = f"{word} ({row.error_class})" if row.error_class else word
    return MatrixMark(row.execution_id, sign, short, full, style)
