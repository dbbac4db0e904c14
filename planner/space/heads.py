"""Action encoding: four class indices, 240 cells, and validity masks.

A *cell* is one of the 240 combinations in canonical order, valid or not: cell = `canonical_rank(action)`.
"""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planner.actions import (
    CANDIDATE_BINS,
    ITERATION_BINS,
    MINUTE_BINS,
    SWARM_IDS,
    Action,
    Bin,
    JobType,
    all_cells,
    canonical_rank,
    valid_actions,
)
from planner.errors import PlannerError

HEADS: Final = ("swarm", "candidates", "minutes", "iterations")
HEAD_VALUES: Final[tuple[tuple[Bin | str, ...], ...]] = (
    SWARM_IDS,
    CANDIDATE_BINS,
    MINUTE_BINS,
    ITERATION_BINS,
)
HEAD_SIZES: Final = tuple(len(values) for values in HEAD_VALUES)
HEAD_OFFSETS: Final = tuple(sum(HEAD_SIZES[:head]) for head in range(len(HEAD_SIZES)))
"""Offset of each head in the row of all 17 logits."""
N_LOGITS: Final = sum(HEAD_SIZES)
N_CELLS: Final = int(np.prod(HEAD_SIZES))


class ActionEncoder:
    """Bijection between actions and class indices."""

    @staticmethod
    def encode(action: Action) -> tuple[int, int, int, int]:
        """The class index of each head. Raises `PlannerError` for a value outside the space."""
        indices = []
        for head, value, values in zip(HEADS, action, HEAD_VALUES, strict=True):
            if value not in values:
                raise PlannerError(f"{head} {value!r} is outside the action space; known: {values}")
            indices.append(values.index(value))
        swarm, candidates, minutes, iterations = indices
        return swarm, candidates, minutes, iterations

    @staticmethod
    def decode(indices: tuple[int, int, int, int]) -> Action:
        """The action of four class indices. Raises `PlannerError` where one is out of range."""
        if any(not 0 <= index < size for index, size in zip(indices, HEAD_SIZES, strict=True)):
            raise PlannerError(f"class indices {indices} are out of range; the heads have {HEAD_SIZES}")
        cell = int(np.ravel_multi_index(indices, HEAD_SIZES))
        return all_cells()[cell]


class ValidityMaskBuilder:
    """Validity masks of a job type, over cells and over the classes of each head."""

    @staticmethod
    def joint(job_type: JobType) -> NDArray[np.bool_]:
        """Mask (2, 4, 6, 5): True where the cell is a valid action."""
        mask = np.zeros(N_CELLS, dtype=np.bool_)
        mask[valid_cells(job_type)] = True
        return mask.reshape(HEAD_SIZES)

    @staticmethod
    def heads(job_type: JobType) -> tuple[NDArray[np.bool_], ...]:
        """One mask a head (classes,): True where a valid action uses the class."""
        used: NDArray[np.bool_] = np.asarray(incidence(job_type).any(axis=0))
        parts = zip(HEAD_OFFSETS, HEAD_SIZES, strict=True)
        return tuple(used[offset : offset + size] for offset, size in parts)


@cache
def valid_cells(job_type: JobType) -> NDArray[np.int64]:
    """The cells of `valid_actions(job_type)` (valid actions,), ascending."""
    cells = np.array([canonical_rank(action) for action in valid_actions(job_type)], dtype=np.int64)
    cells.flags.writeable = False
    return cells


@cache
def incidence(job_type: JobType) -> NDArray[np.float64]:
    """Incidence matrix (valid actions, 17): `incidence @ logits` sums the logits of each action's classes."""
    rows = np.zeros((len(valid_actions(job_type)), N_LOGITS))
    for row, action in zip(rows, valid_actions(job_type), strict=True):
        for offset, index in zip(HEAD_OFFSETS, ActionEncoder.encode(action), strict=True):
            row[offset + index] = 1
    rows.flags.writeable = False
    return rows
