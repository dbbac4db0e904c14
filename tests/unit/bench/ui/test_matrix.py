"""The matrix: a cell for each arm, with a word for each state, and none for actions that a case did not draw."""

from typing import Any

from bench.ui.matrix import headings, matrix
from db.repositories.page_rows import MatrixRow
from db.states import ExecutionState
from planner.actions import all_cells


def _row(case_id: int, rank: int | None, execution: int | None, **values: Any) -> MatrixRow:
    state = ExecutionState.DONE if execution else None
    row = MatrixRow(case_id, f"i-{case_id}", "finished", rank, execution, 0, state, None, None, False)
    return row._replace(**values)


def test_each_case_has_a_cell_for_each_of_its_arms_alone() -> None:
    rows = [
        _row(1, 4, 10, status="success", is_winner=True),
        _row(1, 4, 11, status="error", error_class="infra", is_winner=True),
        _row(1, 9, 12, state=ExecutionState.READY),
        _row(2, 9, 13, status="timeout"),
        _row(3, None, None),
    ]
    first, second, third = matrix(rows, [4, 9])
    winner, waiting = first.cells
    assert winner is not None
    assert winner.is_winner
    assert [(mark.execution_id, mark.word) for mark in winner.marks] == [
        (10, "passed"),
        (11, "error (infra)"),
    ]
    assert waiting is not None
    assert not waiting.is_winner
    assert [mark.word for mark in waiting.marks] == ["waits for a machine"]
    assert [cell is None for cell in second.cells] == [True, False]
    assert third.cells == [None, None]


def test_columns_are_grouped_by_topology_and_named_by_their_budgets() -> None:
    cells = all_cells()
    handoff, vote = (
        [rank for rank, cell in enumerate(cells) if cell.swarm_id == name][:2]
        for name in ("serial_handoff", "speculate_vote")
    )
    groups = headings([*handoff, *vote])
    assert [group.name for group in groups] == ["serial_handoff", "speculate_vote"]
    labels = [f"{group.name} {budgets}" for group in groups for budgets in group.budgets]
    assert labels == [cells[rank].label() for rank in (*handoff, *vote)]
