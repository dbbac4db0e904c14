"""Fixed actions of a training split: what each passes and costs, the best at a price, and the Pareto frontier."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from planner.actions import JOB_TYPES, JobType
from planner.dataset.arrays import EncodedExamples
from planner.space.heads import N_CELLS

Floats = NDArray[np.float64]
Frontier = Mapping[JobType, tuple[int, ...]]
"""Cells of the Pareto-optimal actions of each job type."""
FEWEST_TRIED: Final = 6
"""Least number of examples on which a candidate was tried; with fewer, luck and merit are not distinguishable."""
_PRIOR: Final = 2.0
"""Pseudo-examples of smoothing: one that passes and one that fails, both at the mean cost of all actions."""
_MS_A_MINUTE: Final = 60_000


class ExchangeRate(NamedTuple):
    """The exchange rate of outcomes: utility = pass − dollar · dollars − minute · minutes."""

    dollar: float = 0.4
    minute: float = 0.006


DEFAULT_PRICES: Final = ExchangeRate()
"""Those of the generated worlds: one more pass is worth 2.50 dollars, or 2 h 47 min."""


@dataclass(frozen=True, slots=True)
class FixedActions:
    """Smoothed means of the actions of one job type over the examples on which each was tried; each (240,)."""

    tried: NDArray[np.intp]
    """Number of examples."""
    passes: Floats
    """(passes + 1) / (examples + 2), where an example counts with its pass rate over replicates."""
    dollars: Floats
    """An execution's, of the examples where it is known."""
    minutes: Floats

    def utility(self, prices: ExchangeRate) -> Floats:
        """(240,) smoothed mean utility; −∞ for actions that were tried too seldom: `FEWEST_TRIED`, or less than any."""
        value: Floats = self.passes - prices.dollar * self.dollars - prices.minute * self.minutes
        often = self.tried >= max(1, min(FEWEST_TRIED, int(self.tried.max())))
        return np.where(often, value, -np.inf)

    def frontier(self) -> tuple[int, ...]:
        """Cells that no other cell is at least as good as in passes, dollars and minutes, and better in one."""
        cells = np.flatnonzero(self.tried >= FEWEST_TRIED)
        costs = np.stack([-self.passes, self.dollars, self.minutes], axis=1)[cells]
        no_worse = (costs[:, None] <= costs[None]).all(axis=2)
        better = (costs[:, None] < costs[None]).any(axis=2)
        return tuple(int(cell) for cell in cells[~(no_worse & better).any(axis=0)])


def fixed_actions(examples: EncodedExamples, job_type: int) -> FixedActions:
    """The outcomes of each action of a job type on `examples`, the training split."""
    rows = examples.outcomes
    mine = np.isin(rows.example, np.flatnonzero(examples.job_types == job_type))
    arms, arm_of = np.unique(
        rows.example[mine].astype(np.int64) * N_CELLS + rows.cell[mine], return_inverse=True
    )
    replicates, cells = np.bincount(arm_of, minlength=len(arms)), (arms % N_CELLS).astype(np.intp)

    def of_arms(values: NDArray[np.generic]) -> Floats:
        return np.bincount(arm_of, weights=values, minlength=len(arms)) / np.maximum(replicates, 1)

    minutes = np.expm1(rows.log_duration[mine].astype(np.float64)) / _MS_A_MINUTE
    tried = np.bincount(cells, minlength=N_CELLS)
    passes = np.bincount(cells, weights=of_arms(rows.passed[mine]), minlength=N_CELLS)
    return FixedActions(
        tried=tried,
        passes=(passes + _PRIOR / 2) / (tried + _PRIOR),
        dollars=_smoothed(of_arms(rows.cost[mine].astype(np.float64)), cells),
        minutes=_smoothed(of_arms(minutes), cells),
    )


def frontier_of(examples: EncodedExamples) -> dict[JobType, tuple[int, ...]]:
    """The Pareto frontier of each job type on the training split; empty where nothing was benched."""
    return {job_type: fixed_actions(examples, index).frontier() for index, job_type in enumerate(JOB_TYPES)}


def _smoothed(values: Floats, cells: NDArray[np.intp]) -> Floats:
    """(240,) means by cell of the finite `values`, shrunk to their overall mean."""
    known = np.isfinite(values)
    mean = float(values[known].mean()) if known.any() else 0.0
    total = np.bincount(cells[known], weights=values[known], minlength=N_CELLS)
    return (total + _PRIOR * mean) / (np.bincount(cells[known], minlength=N_CELLS) + _PRIOR)
