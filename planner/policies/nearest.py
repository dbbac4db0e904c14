"""Control: k-nearest neighbours on the encoded inputs."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planner.actions import JOB_TYPES, JobType, valid_actions
from planner.dataset.arrays import EncodedExamples
from planner.policies.base import Distribution, Observation
from planner.policies.distributions import uniform
from planner.space.heads import N_CELLS, valid_cells

NEIGHBOURS: Final = 15
_AT_ONCE: Final = 512
_ROWS: Final = 4096
"""Examples in a dense chunk: 25 MB with 1,500 positions in use."""


class NearestNeighbours:
    """k-nearest neighbours of the job type, with labels weighted by similarity.

    Similarity is the Jaccard index of the sets of positions. Ties are resolved by the order of the training split.
    """

    policy_id = "nearest"

    def __init__(self, shelves: Sequence["JobTypeExamples"]) -> None:
        self._shelves = dict(zip(JOB_TYPES, shelves, strict=True))

    @classmethod
    def fit(cls, examples: EncodedExamples, neighbours: int = NEIGHBOURS) -> "NearestNeighbours":
        """Index `examples`, the training split."""
        return cls([JobTypeExamples(examples, index, neighbours) for index in range(len(JOB_TYPES))])

    def distributions(self, observations: Sequence[Observation]) -> list[Distribution]:
        """Weighted mean of the neighbours' soft labels; uniform for a job type without training examples."""
        results: list[Distribution] = [np.zeros(0)] * len(observations)
        for job_type in {observation.job_type for observation in observations}:
            valid_actions(job_type)
            shelf = self._shelves[job_type]
            indices = [
                index for index, observation in enumerate(observations) if observation.job_type == job_type
            ]
            for start in range(0, len(indices), _AT_ONCE):
                batch = indices[start : start + _AT_ONCE]
                answers = shelf.distributions([observations[index].positions for index in batch])
                for index, answer in zip(batch, answers, strict=True):
                    results[index] = answer
        return results


class JobTypeExamples:
    """Index of the training examples of one job type."""

    def __init__(self, examples: EncodedExamples, job_type: int, neighbours: int) -> None:
        self._job_type: JobType = JOB_TYPES[job_type]
        own = examples.take(np.flatnonzero(examples.job_types == job_type))
        self._lengths = np.diff(own.offsets)
        # Dense rows only have the positions that some example uses; others cannot be shared.
        self._used, self._columns = np.unique(own.positions, return_inverse=True)
        self._offsets = own.offsets
        self._targets = own.target_cells, own.target_weights, own.target_offsets
        self._neighbours = min(neighbours, len(self._lengths))

    def distributions(self, queries: Sequence[NDArray[np.int32]]) -> list[Distribution]:
        """One distribution a query; a query is an array of positions."""
        if self._neighbours == 0:
            return [uniform(self._job_type)] * len(queries)
        return [self._vote(similarities) for similarities in self._similarities(queries)]

    def _similarities(self, queries: Sequence[NDArray[np.int32]]) -> NDArray[np.float64]:
        """Jaccard indices (queries, examples); counts of shared positions are exact in float32."""
        asked = np.zeros((len(queries), len(self._used)), dtype=np.float32)
        for row, positions in zip(asked, queries, strict=True):
            row[np.isin(self._used, positions, assume_unique=True)] = 1
        shared = np.concatenate(
            [asked @ self._dense(start).T for start in range(0, len(self._lengths), _ROWS)], axis=1
        ).astype(np.float64)
        sizes = np.array([len(positions) for positions in queries])
        either = sizes[:, None] + self._lengths - shared
        return np.divide(shared, either, out=np.ones_like(shared), where=either > 0)

    def _dense(self, start: int) -> NDArray[np.float32]:
        stop = min(start + _ROWS, len(self._lengths))
        rows = np.zeros((stop - start, len(self._used)), dtype=np.float32)
        of = np.repeat(np.arange(stop - start), self._lengths[start:stop])
        rows[of, self._columns[self._offsets[start] : self._offsets[stop]]] = 1
        return rows

    def _vote(self, similarities: NDArray[np.float64]) -> Distribution:
        cells, weights, offsets = self._targets
        votes = np.zeros(N_CELLS)
        for near in _first(similarities, self._neighbours):
            mine = slice(offsets[near], offsets[near + 1])
            np.add.at(votes, cells[mine], similarities[near] * weights[mine])
        votes = votes[valid_cells(self._job_type)]
        total = votes.sum()
        return votes / total if total > 0 else uniform(self._job_type)


def _first(similarities: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Indices of the `count` largest similarities; of ties the earlier ones."""
    threshold = np.partition(similarities, len(similarities) - count)[len(similarities) - count]
    above = np.flatnonzero(similarities > threshold)
    level = np.flatnonzero(similarities == threshold)[: count - len(above)]
    return np.concatenate([above, level])
