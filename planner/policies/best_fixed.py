"""Control: the best fixed action, a context-free policy."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from planner.actions import JOB_TYPES, Action, JobType, all_cells, valid_actions
from planner.dataset.arrays import EncodedExamples
from planner.policies.base import Distribution, Observation
from planner.policies.distributions import point_mass
from planner.policies.fixed_actions import DEFAULT_PRICES, ExchangeRate, fixed_actions
from planner.space.baseline import baseline_action
from planner.space.heads import N_CELLS, valid_cells


class BestFixed:
    """Context-free control: one action a job type."""

    policy_id = "best_fixed"

    def __init__(self, actions: Mapping[JobType, Action]) -> None:
        self.actions = dict(actions)

    @classmethod
    def fit(cls, examples: EncodedExamples, prices: ExchangeRate = DEFAULT_PRICES) -> "BestFixed":
        """Fit the best action of each job type on `examples`, the training split.

        With logged outcomes: the highest smoothed utility at `prices`, where an example counts with its means over
        replicates; then the shorter mean time of passes. Smoothing, and a least number of examples, keep one lucky
        example from winning. Without outcomes: the action with the most label weight. Ties go to the first in canonical
        order; a job type without examples gets the baseline's action.
        """
        return cls(
            {
                job_type: _best(examples, index, prices) or baseline_action(None, None, job_type)
                for index, job_type in enumerate(JOB_TYPES)
            }
        )

    def distributions(self, observations: Sequence[Observation]) -> list[Distribution]:
        """A point mass on the action of the job type, one an observation."""
        return [self._distribution(seen.job_type) for seen in observations]

    def _distribution(self, job_type: JobType) -> Distribution:
        valid_actions(job_type)
        return point_mass(self.actions[job_type], job_type)


def _best(examples: EncodedExamples, job_type: int, prices: ExchangeRate) -> Action | None:
    cells = valid_cells(JOB_TYPES[job_type])
    chosen = np.flatnonzero(examples.job_types == job_type)
    if chosen.size == 0:
        return None
    mine = np.isin(examples.outcomes.example, chosen)
    if mine.any():
        merit = fixed_actions(examples, job_type).utility(prices)
        seconds = _pass_seconds(examples, mine)
    else:
        merit, seconds = _by_label(examples, chosen)
    best = np.lexsort((cells, seconds[cells], -merit[cells]))[0]
    return all_cells()[int(cells[best])]


def _pass_seconds(examples: EncodedExamples, mine: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(240,) mean log duration of passes; infinite where there is none."""
    rows = examples.outcomes
    cell, passed = rows.cell[mine], rows.passed[mine]
    quick = np.bincount(cell[passed], weights=rows.log_duration[mine][passed], minlength=N_CELLS)
    count = np.bincount(cell[passed], minlength=N_CELLS)
    seconds: NDArray[np.float64] = np.divide(quick, count, out=np.full(N_CELLS, np.inf), where=count > 0)
    return seconds


def _by_label(
    examples: EncodedExamples, chosen: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    of = np.repeat(np.arange(len(examples.hard_cells)), np.diff(examples.target_offsets))
    mine = np.isin(of, chosen)
    cells, weights = examples.target_cells[mine], examples.target_weights[mine]
    return np.bincount(cells, weights=weights, minlength=N_CELLS).astype(np.float64), np.zeros(N_CELLS)
