"""Columnar table of bench outcomes in a canonical order that does not depend on the order of the rows.

N cases, A arms, E executions. A case is one issue in one bench; issues are the clusters that intervals
resample. A *cell* is the index of an action among the 240 combinations, valid or not.
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
"""Why the outcome of an execution is missing; "" where it is observed. A timeout is a failure, unless its bench skips
timeouts."""


class ExecutionRow(NamedTuple):
    """One replicate of an arm. `passed` is None where the outcome is missing; an own timeout is a failure."""

    replicate: int
    passed: bool | None
    missing: Missing = ""
    minutes: float = float("nan")
    usd: float = float("nan")


class ArmRow(NamedTuple):
    """One arm of a case; `executions` in any order."""

    cell: int
    executions: Sequence[ExecutionRow]


class CaseRow(NamedTuple):
    """One case: an issue in a bench. `chances` (240,) is the inclusion probability of every cell."""

    case: str
    issue: str
    group: str
    """The cluster that no cross-fit may split: the repository."""
    chances: Floats
    randomised: bool
    """Whether the arms were drawn with `chances`; a deterministic choice supports no off-policy estimate."""
    arms: Sequence[ArmRow]
    joint: Floats | None = None
    """(K, K) joint inclusion probability of each pair of `arms` by ascending cell; None where it is not known."""
    swaps: Floats | None = None
    """(K, 240) for each of `arms` by ascending cell: the probability of every cell in its place, given the others;
    None where it is not known."""


class ArmPairs(NamedTuple):
    """The pairs of different arms of one case, P of them, each once."""

    first: Ints
    """(P,) index of an arm."""
    second: Ints
    """(P,) index of a later arm of the same case."""
    joint: Floats
    """(P,) probability that both are drawn; NaN where it is not known."""


@dataclass(frozen=True, eq=False)
class BenchTable:
    """Columnar outcomes: cases ascend by (issue, case), arms by (case, cell), executions by (arm, replicate)."""

    cases: tuple[str, ...]
    issues: tuple[str, ...]
    """Distinct, ascending."""
    groups: tuple[str, ...]
    case_issue: Ints
    """(N,) index into `issues`."""
    case_group: Ints
    """(N,) index into `groups`."""
    chances: Floats
    """(N, 240) inclusion probabilities."""
    randomised: Bools
    """(N,)"""
    arm_case: Ints
    arm_cell: Ints
    run_arm: Ints
    passed: Floats
    """(E,) 1 or 0; NaN where missing."""
    missing: NDArray[np.int8]
    """(E,) index into `MISSING`."""
    minutes: Floats
    usd: Floats
    pairs: ArmPairs | None = None
    """None where no joint inclusion probability is known."""
    swaps: Floats | None = None
    """(A, 240) conditional distribution of each arm's cell given the other arms of its case; NaN rows and None where
    it is not known."""

    @property
    def observed(self) -> Bools:
        """(E,) whether the outcome is observed."""
        return np.isfinite(self.passed)

    @property
    def replicates(self) -> Ints:
        """(A,) number of observed executions of each arm."""
        return np.bincount(self.run_arm, weights=self.observed, minlength=len(self.arm_case)).astype(np.intp)

    @property
    def propensity(self) -> Floats:
        """(A,) inclusion probability of each arm in its case's draw."""
        propensity: Floats = self.chances[self.arm_case, self.arm_cell]
        return propensity

    def arm_means(self, values: Floats) -> Floats:
        """(A,) mean over the finite entries of `values` (E,); NaN where an arm has none."""
        known = np.isfinite(values)
        size = len(self.arm_case)
        total = np.bincount(self.run_arm, weights=np.where(known, values, 0.0), minlength=size)
        count = np.bincount(self.run_arm, weights=known, minlength=size)
        means: Floats = np.divide(total, count, out=np.full(size, np.nan), where=count > 0)
        return means


def build_table(rows: Iterable[CaseRow]) -> BenchTable:
    """The table of `rows`, given in any order.

    Raises: `ValueError` where an action occurs in two arms of a case.
    """
    cases = sorted(rows, key=lambda row: (row.issue, row.case))
    arms = [(case, arm) for case, row in enumerate(cases) for arm in sorted(row.arms, key=_cell)]
    if len({(case, arm.cell) for case, arm in arms}) != len(arms):
        raise ValueError("an action occurs in two arms of one case")
    runs = [
        (number, run)
        for number, (_, arm) in enumerate(arms)
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
        arm_case=np.array([case for case, _ in arms], dtype=np.intp),
        arm_cell=np.array([arm.cell for _, arm in arms], dtype=np.intp),
        run_arm=np.array([number for number, _ in runs], dtype=np.intp),
        passed=np.array([np.nan if run.passed is None else run.passed for _, run in runs], dtype=np.float64),
        missing=np.array([MISSING.index(run.missing) for _, run in runs], dtype=np.int8),
        minutes=np.array([run.minutes for _, run in runs], dtype=np.float64),
        usd=np.array([run.usd for _, run in runs], dtype=np.float64),
        pairs=_pairs(cases),
        swaps=_swaps(cases),
    )


def _pairs(cases: Sequence[CaseRow]) -> ArmPairs | None:
    if all(case.joint is None for case in cases):
        return None
    first, second, joint = [], [], []
    start = 0
    for case in cases:
        size = len(case.arms)
        row, column = np.triu_indices(size, 1)
        first.append(start + row)
        second.append(start + column)
        joint.append(np.full(len(row), np.nan) if case.joint is None else case.joint[row, column])
        start += size
    return ArmPairs(np.concatenate(first), np.concatenate(second), np.concatenate(joint))


def _swaps(cases: Sequence[CaseRow]) -> Floats | None:
    if all(case.swaps is None for case in cases):
        return None
    return np.concatenate(
        [np.full((len(case.arms), N_CELLS), np.nan) if case.swaps is None else case.swaps for case in cases]
    ).reshape(-1, N_CELLS)


def _cell(arm: ArmRow) -> int:
    return arm.cell


def _factorise(names: Sequence[str]) -> tuple[tuple[str, ...], Ints]:
    distinct = sorted(set(names))
    index = {name: number for number, name in enumerate(distinct)}
    return tuple(distinct), np.array([index[name] for name in names], dtype=np.intp)
