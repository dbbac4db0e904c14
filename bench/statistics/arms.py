"""The observed arms of a table as one sample, in a canonical order that does not depend on ids.

n arms of I issues with A distinct actions. Issues and cases are sorted by their observed outcomes, so that
random draws over them are the same whatever the issues are called.
"""

from dataclasses import dataclass

import numpy as np

from bench.statistics.table import BenchTable, Bools, Floats, Ints

Content = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, eq=False)
class Arms:
    """Every arm with at least one finite value; all arrays are (n,)."""

    row: Ints
    """The arm's index among the arms of the table."""
    issue: Ints
    """0..I-1, by content."""
    case: Ints
    """0..C-1, by content within the issue; cases without an observed arm have no number."""
    action: Ints
    """Index into `cells`."""
    runs: Floats
    mean: Floats
    spread: Floats
    """Sum of squared deviations of the arm's values from its mean."""
    twin: Ints
    """The same number for arms at the same position of issues with identical outcomes."""
    cells: Ints
    """(A,) distinct cells, ascending."""

    def of_cell(self, cell: int | None) -> Bools:
        """(n,) the arms of one action; all of them for None."""
        return np.full(len(self.action), True) if cell is None else self.cells[self.action] == cell

    @property
    def n_issues(self) -> int:
        """I, the number of issues with an observed arm."""
        return int(self.issue.max()) + 1 if len(self.issue) else 0

    @property
    def n_cases(self) -> int:
        """C, the number of cases with an observed arm."""
        return int(self.case.max()) + 1 if len(self.case) else 0

    @property
    def replicated(self) -> bool:
        """Whether any arm has two replicates: without one, the noise variance is not identified."""
        return bool((self.runs >= 2).any())

    def pick(self, chosen: Bools) -> "Arms":
        """The subsample where `chosen` (n,) is True; issues and cases are renumbered, actions are not."""
        _, issue = np.unique(self.issue[chosen], return_inverse=True)
        _, case = np.unique(self.case[chosen], return_inverse=True)
        return Arms(
            row=self.row[chosen],
            issue=issue,
            case=case,
            action=self.action[chosen],
            runs=self.runs[chosen],
            mean=self.mean[chosen],
            spread=self.spread[chosen],
            twin=self.twin[chosen],
            cells=self.cells,
        )


def arms_of(table: BenchTable, values: Floats) -> Arms:
    """The sample of `table`'s arms with the outcomes `values` (E,), NaN where missing."""
    size = len(table.arm_case)
    mean = table.arm_means(values)
    known = np.isfinite(values)
    runs: Floats = np.bincount(table.run_arm, weights=known, minlength=size).astype(np.float64)
    off = np.where(known, values - mean[table.run_arm], 0.0)
    spread: Floats = np.bincount(table.run_arm, weights=off**2, minlength=size).astype(np.float64)
    row, issue, case, twin = _by_content(table, runs, mean, spread)
    cells, action = np.unique(table.arm_cell[row], return_inverse=True)
    return Arms(row, issue, case, action, runs[row], mean[row], spread[row], twin, cells)


def _by_content(table: BenchTable, runs: Floats, mean: Floats, spread: Floats) -> Ints:
    """(4, n): the observed arms sorted by content, and the numbers of their issues, cases and twins."""
    seen: dict[int, dict[int, list[int]]] = {}
    for arm in np.flatnonzero(runs).tolist():
        case = int(table.arm_case[arm])
        seen.setdefault(int(table.case_issue[case]), {}).setdefault(case, []).append(arm)

    def content(arms: list[int]) -> Content:
        return tuple((float(table.arm_cell[a]), runs[a], mean[a], spread[a]) for a in arms)

    issues = [sorted(cases.values(), key=content) for cases in seen.values()]
    keyed = sorted(((tuple(map(content, cases)), cases) for cases in issues), key=lambda pair: pair[0])
    twins: dict[tuple[tuple[Content, ...], int], int] = {}
    rows: list[tuple[int, int, int, int]] = []
    case_number = 0
    for issue, (key, cases) in enumerate(keyed):
        first = len(rows)
        for arms in cases:
            for arm in arms:
                twin = twins.setdefault((key, len(rows) - first), len(twins))
                rows.append((arm, issue, case_number, twin))
            case_number += 1
    return np.array(rows, dtype=np.intp).reshape(len(rows), 4).T
