"""Control: the best fixed action, a context-free policy."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from planner.actions import JOB_TYPES, Action, JobType, all_cells, valid_actions
from planner.dataset.arrays import EncodedExamples
from planner.policies.base import Distribution, Observation
from planner.policies.distributions import point_mass
from planner.space.baseline import baseline_action
from planner.space.heads import N_CELLS, valid_cells


class BestFixed:
    """Context-free control: one action a job type."""

    policy_id = "best_fixed"

    def __init__(self, actions: Mapping[JobType, Action]) -> None:
        self.actions = dict(actions)

    @classmethod
    def fit(cls, examples: EncodedExamples) -> "BestFixed":
        """Fit the best action of each job type on `examples`, the training split.

        With logged outcomes: the highest smoothed pass rate (passes + 1) / (examples + 2), where an example counts with
        its pass rate over replicates; then the shorter mean time of passes. Smoothing keeps one lucky example from
        winning. Without outcomes: the action with the most label weight. Ties go to the first in canonical order; a job
        type without examples gets the baseline's action.
        """
        return cls(
            {
                job_type: _best(examples, index) or baseline_action(None, None, job_type)
                for index, job_type in enumerate(JOB_TYPES)
            }
        )

    def distributions(self, observations: Sequence[Observation]) -> list[Distribution]:
        """A point mass on the action of the job type, one an observation."""
        return [self._distribution(seen.job_type) for seen in observations]

    def _distribution(self, job_type: JobType) -> Distribution:
        valid_actions(job_type)
        return point_mass(self.actions[job_type], job_type)


def _best(examples: EncodedExamples, job_type: int) -> Action | None:
    cells = valid_cells(JOB_TYPES[job_type])
    chosen = np.flatnonzero(examples.job_types == job_type)
    if chosen.size == 0:
        return None
    mine = np.isin(examples.outcomes.example, chosen)
    merit, seconds = _by_outcome(examples, mine) if mine.any() else _by_label(examples, chosen)
    best = np.lexsort((cells, seconds[cells], -merit[cells]))[0]
    return all_cells()[int(cells[best])]


def _by_outcome(
    examples: EncodedExamples, mine: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """By cell (240,): the smoothed pass rate, and the mean log duration of passes."""
    rows = examples.outcomes
    example, cell, passed = rows.example[mine], rows.cell[mine], rows.passed[mine]
    arms, arm_of = np.unique(example.astype(np.int64) * N_CELLS + cell, return_inverse=True)
    rate = np.bincount(arm_of, weights=passed) / np.bincount(arm_of)
    arm_cells = arms % N_CELLS
    passes = np.bincount(arm_cells, weights=rate, minlength=N_CELLS)
    tried = np.bincount(arm_cells, minlength=N_CELLS)
    quick = np.bincount(cell[passed], weights=rows.log_duration[mine][passed], minlength=N_CELLS)
    count = np.bincount(cell[passed], minlength=N_CELLS)
    mean = np.divide(quick, count, out=np.full(N_CELLS, np.inf), where=count > 0)
    return np.where(tried > 0, (passes + 1) / (tried + 2), -1.0), mean


def _by_label(
    examples: EncodedExamples, chosen: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    of = np.repeat(np.arange(len(examples.hard_cells)), np.diff(examples.target_offsets))
    mine = np.isin(of, chosen)
    cells, weights = examples.target_cells[mine], examples.target_weights[mine]
    return np.bincount(cells, weights=weights, minlength=N_CELLS).astype(np.float64), np.zeros(N_CELLS)
