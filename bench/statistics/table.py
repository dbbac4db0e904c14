"""The outcomes of benches as arrays, in one canonical order, whatever order the rows came in.

N cases, A arms, E executions. A case is one issue in one bench; issues are the clusters that intervals
resample. A *cell* is an action's place among the 240 combinations, valid or not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from db.states import ErrorClass
from planner.space.heads import N_CELLS

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

Missing = Literal["", ErrorClass, "cancelled", "not_run", "skipped_timeout"]
MISSING: Final[tuple[Missing, ...]] = get_args(Missing)
"""Why an execution says nothing about its arm; "" where it does. A timeout is a failure, unless its bench skips
timeouts."""


class ExecutionRow(NamedTuple):
    """One replicate. `passed` is None where it is missing; an own timeout is a failure."""

    replicate: int
    passed: bool | None
    missing: Missing = ""
    minutes: float = float("nan")
    usd: float = float("nan")


class ArmRow(NamedTuple):
    """One arm; `executions` in any order."""

    cell: int
    executions: Sequence[ExecutionRow]


class CaseRow(NamedTuple):
    """One case. `chances` is the (240,) inclusion probability of every cell, 0 where it could not be drawn."""

    case: str
    issue: str
    group: str
    """What no cross-fit may split: the repository."""
    chances: Floats
    randomised: bool
    """Whether `chances` come from a lottery; a deterministic pick supports no off-policy estimate."""
    arms: Sequence[ArmRow]


@dataclass(frozen=True, eq=False)
class BenchTable:
    """See the module. Cases ascend by (issue, case), arms by (case, cell), executions by (arm, replicate)."""

    cases: tuple[str, ...]
    issues: tuple[str, ...]
    """Distinct, ascending."""
    groups: tuple[str, ...]
    case_issue: Ints
    """(N,) place in `issues`."""
    case_group: Ints
    """(N,) place in `groups`."""
    chances: Floats
    """(N, 240)"""
    randomised: Bools
    """(N,)"""
    arm_case: Ints
    arm_cell: Ints
    run_arm: Ints
    passed: Floats
    """(E,) 1 or 0; NaN where missing."""
    missing: NDArray[np.int8]
    """(E,) place in `MISSING`."""
    minutes: Floats
    usd: Floats

    @property
    def observed(self) -> Bools:
        """(E,)"""
        return np.isfinite(self.passed)

    @property
    def replicates(self) -> Ints:
        """(A,) observed executions of each arm."""
        return np.bincount(self.run_arm, weights=self.observed, minlength=len(self.arm_case)).astype(np.intp)

    @property
    def propensity(self) -> Floats:
        """(A,) probability that the arm was in its case's draw."""
        found: Floats = self.chances[self.arm_case, self.arm_cell]
        return found

    def arm_means(self, values: Floats) -> Floats:
        """(A,) mean over the finite entries of `values` (E,); NaN where an arm has none."""
        known = np.isfinite(values)
        size = len(self.arm_case)
        total = np.bincount(self.run_arm, weights=np.where(known, values, 0.0), minlength=size)
        count = np.bincount(self.run_arm, weights=known, minlength=size)
        means: Floats = np.divide(total, count, out=np.full(size, np.nan), where=count > 0)
        return means


def build_table(rows: Iterable[CaseRow]) -> BenchTable:
    """The table of `rows`, in any order. An action twice in a case is a `ValueError`."""
    cases = sorted(rows, key=lambda row: (row.issue, row.case))
    arms = [(place, arm) for place, row in enumerate(cases) for arm in sorted(row.arms, key=_cell)]
    if len({(place, arm.cell) for place, arm in arms}) != len(arms):
        raise ValueError("an action occurs in two arms of one case")
    runs = [
        (place, run)
        for place, (_, arm) in enumerate(arms)
        for run in sorted(arm.executions, key=lambda run: run.replicate)
    ]
    issues, case_issue = _factorise([row.issue for row in cases])
    groups, case_group = _factorise([row.group for row in cases])
    return BenchTable(
        cases=tuple(row.case for row in cases),
        issues=issues,
        groups=groups,
        case_issue=case_issue,
        case_group=case_group,
        chances=np.array([row.chances for row in cases]).reshape(len(cases), N_CELLS),
        randomised=np.array([row.randomised for row in cases], dtype=np.bool_),
        arm_case=np.array([place for place, _ in arms], dtype=np.intp),
        arm_cell=np.array([arm.cell for _, arm in arms], dtype=np.intp),
        run_arm=np.array([place for place, _ in runs], dtype=np.intp),
        passed=np.array([np.nan if run.passed is None else run.passed for _, run in runs], dtype=np.float64),
        missing=np.array([MISSING.index(run.missing) for _, run in runs], dtype=np.int8),
        minutes=np.array([run.minutes for _, run in runs], dtype=np.float64),
        usd=np.array([run.usd for _, run in runs], dtype=np.float64),
    )


def _cell(arm: ArmRow) -> int:
    return arm.cell


def _factorise(names: Sequence[str]) -> tuple[tuple[str, ...], Ints]:
    distinct = sorted(set(names))
    place = {name: number for number, name in enumerate(distinct)}
    return tuple(distinct), np.array([place[name] for name in names], dtype=np.intp)
