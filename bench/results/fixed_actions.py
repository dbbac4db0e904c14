"""Fixed-action policies: each takes one action on every issue."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from bench.statistics.diagnostics import FEWEST_ISSUES
from bench.statistics.logs import fixed_policy
from bench.statistics.table import BenchTable, Bools, Floats
from planner.actions import Action, all_cells, canonical_rank
from planner.space.heads import N_CELLS

ALWAYS: Final = "always "


class JudgedActions(NamedTuple):
    """The fixed actions of a bench that can be judged, and how many cannot."""

    policies: dict[str, Floats]
    """(N, 240) by name, in the order of the cells."""
    thin: int
    """Actions that ran on too few issues, counted as effective sample size."""
    partial: int
    """Actions that could not be drawn in every case."""


def fixed_actions(table: BenchTable) -> JudgedActions:
    """All actions that ran on enough issues, and could be drawn in every case."""
    issues = _effective_issues(table)
    ran = np.flatnonzero(issues)
    everywhere: Bools = np.all(table.chances > 0, axis=0)
    enough = issues >= FEWEST_ISSUES
    actions = [all_cells()[cell] for cell in ran if everywhere[cell] and enough[cell]]
    return JudgedActions(
        named_actions(table, actions),
        thin=int((~enough[ran]).sum()),
        partial=int((enough[ran] & ~everywhere[ran]).sum()),
    )


def named_actions(table: BenchTable, actions: Sequence[Action]) -> dict[str, Floats]:
    """The policies of these actions, whether or not they ran."""
    return {
        f"{ALWAYS}{action.label()}": fixed_policy(len(table.cases), canonical_rank(action))
        for action in actions
    }


def thin_lines(fixed: JudgedActions) -> list[str]:
    """One line with how many actions are not judged, and why; none where all are."""
    reasons = []
    if fixed.thin:
        reasons.append(f"{fixed.thin} ran on fewer than {FEWEST_ISSUES:.0f} issues' worth of arms")
    if fixed.partial:
        reasons.append(f"{fixed.partial} could not be drawn on every issue")
    if not reasons:
        return []
    return [f"actions not judged: {', '.join(reasons)}; bench more issues, or more arms an issue"]


def _effective_issues(table: BenchTable) -> Floats:
    """(240,) Kish's effective number of issues (Σ 1/π)² ÷ Σ (1/π)² of the arms of each cell; 0 where none ran."""
    issues = len(table.issues)
    row_of_arm = table.arm_cell * issues + table.case_issue[table.arm_case]
    inverse = np.divide(1.0, table.propensity, where=table.propensity > 0, out=np.zeros(len(row_of_arm)))
    weights = np.bincount(row_of_arm, inverse, minlength=N_CELLS * issues).reshape(N_CELLS, issues)
    squares = (weights**2).sum(axis=1)
    effective: Floats = np.divide(weights.sum(axis=1) ** 2, squares, where=squares > 0, out=np.zeros(N_CELLS))
    return effective
