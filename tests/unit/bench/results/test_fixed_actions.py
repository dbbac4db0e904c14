"""Fixed actions of a bench: those that can be judged, and how many cannot."""

import numpy as np

from bench.results.fixed_actions import fixed_actions, named_actions, thin_lines
from bench.statistics.table import ArmRow, BenchTable, CaseRow, ExecutionRow, build_table
from planner.actions import all_cells, parse_action
from planner.space.heads import N_CELLS


def table(issues: int, arms: dict[int, int], closed: tuple[int, ...] = ()) -> BenchTable:
    """Arms as {cell: number of issues on which it ran}; `closed` cells could not be drawn in the first case."""
    rows = []
    for number in range(issues):
        chances = np.zeros(N_CELLS)
        chances[list(arms)] = 0.5
        chances[list(closed)] *= float(number > 0)
        cells = [cell for cell, last in arms.items() if number < last and chances[cell] > 0]
        ran = [ArmRow(cell, [ExecutionRow(0, True)]) for cell in cells]
        rows.append(CaseRow(str(number), f"i{number:03}", "repo", chances, True, ran))
    return build_table(rows)


def test_actions_on_too_few_issues_or_not_open_everywhere_are_counted_alone() -> None:
    fixed = fixed_actions(table(40, {4: 40, 9: 30, 14: 29, 19: 1, 24: 40}, closed=(24,)))
    assert list(fixed.policies) == [f"always {all_cells()[cell].label()}" for cell in (4, 9)]
    assert (fixed.thin, fixed.partial) == (2, 1)
    (line,) = thin_lines(fixed)
    assert line.startswith(
        "actions not judged: 2 ran on fewer than 30 issues' worth of arms, 1 could not be drawn on every issue"
    )
    assert [matrix[:, cell].sum() for cell, matrix in zip((4, 9), fixed.policies.values(), strict=True)] == [
        40,
        40,
    ]


def test_a_bench_of_which_every_action_is_judged_has_no_line() -> None:
    assert thin_lines(fixed_actions(table(30, {4: 30}))) == []


def test_a_named_action_needs_no_run() -> None:
    policies = named_actions(table(3, {4: 3}), [parse_action("speculate_vote x3 60m")])
    assert list(policies) == ["always speculate_vote ×3 60m"]
