"""Comparison of a policy with every constant one that it could be mistaken for.

A policy that takes one action everywhere adapts to nothing, yet may cost less than the best fixed action. So a gain
over best fixed is shown only where the policy is also worth more than each action of the Pareto frontier of the
training split, and than its own most frequent action. All comparisons have to be significant: an intersection–union
test, which needs no correction for their number (Berger, 1982, "Multiparameter hypothesis testing and acceptance
sampling").
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planner.actions import JOB_TYPES, all_cells
from planner.dataset.arrays import EncodedExamples
from planner.evaluation.decisions import Decisions
from planner.policies.fixed_actions import Frontier
from planner.space.heads import N_CELLS


class ConstantControl(NamedTuple):
    """A constant policy: one action a job type."""

    name: str
    decisions: Decisions


def constant_controls(
    policy: Decisions, best_fixed: Decisions, examples: EncodedExamples, frontier: Frontier
) -> Iterator[ConstantControl]:
    """The constant policies that `policy` must be worth more than, on the N `examples`.

    Those of the frontier take one of its actions on one job type, and the best fixed action on all others.
    """
    for job_type, cells in frontier.items():
        mine = examples.job_types == JOB_TYPES.index(job_type)
        for cell in cells if mine.any() else ():
            name = all_cells()[cell].label()
            yield ConstantControl(name, _constant(name, np.where(mine, cell, best_fixed.cells)))
    yield own_constant(policy, examples)


def own_constant(policy: Decisions, examples: EncodedExamples) -> ConstantControl:
    """The constant policy that takes the policy's own most frequent action of each job type."""
    cells = np.zeros(len(policy), dtype=np.int64)
    for job_type in np.unique(examples.job_types):
        mine = examples.job_types == job_type
        cells[mine] = int(policy.take(mine).shares().argmax())
    names = [all_cells()[int(cell)].label() for cell in np.unique(cells)]
    return ConstantControl(" and ".join(names), _constant("own constant", cells))


def _constant(name: str, cells: NDArray[np.integer]) -> Decisions:
    sure = np.ones(len(cells))
    assert (cells < N_CELLS).all()
    return Decisions(name, cells.astype(np.int16), sure, np.ones((len(cells), 4)))
