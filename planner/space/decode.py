"""From a network's numbers to one valid action and its probability."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planner.actions import Action, JobType, valid_actions
from planner.space.heads import HEAD_OFFSETS, HEAD_SIZES, HEADS, incidence, valid_cells


class Decoded(NamedTuple):
    """The most probable valid action and the distribution it was taken from."""

    action: Action
    confidence: float
    """Probability of `action`, as the geometric mean over the four heads: P ** (1/4)."""
    probabilities: NDArray[np.float64]
    """(valid actions of the job type, in canonical order); every other cell has probability 0."""


def decode_heads(logits: NDArray[np.floating], job_type: JobType) -> Decoded:
    """Decode 17 head logits, already divided by their temperatures.

    A valid tuple scores the sum of its heads' logits; the constants by which logits differ from
    log-probabilities are the same for all tuples. Ties go to the first in canonical order.
    """
    return _decoded(incidence(job_type) @ logits, job_type)


def decode_cells(scores: NDArray[np.floating], job_type: JobType) -> Decoded:
    """Decode log-probabilities or other scores of all 240 cells; invalid cells are never looked at."""
    return _decoded(np.asarray(scores, dtype=np.float64)[valid_cells(job_type)], job_type)


def _decoded(scores: NDArray[np.float64], job_type: JobType) -> Decoded:
    if not np.isfinite(scores).all():
        raise ValueError("the model returned numbers that are not finite")
    weights = np.exp(scores - scores.max())
    probabilities = weights / weights.sum()
    best = int(scores.argmax())
    confidence = float(probabilities[best]) ** (1 / len(HEADS))
    return Decoded(valid_actions(job_type)[best], confidence, probabilities)


def head_probabilities(probabilities: NDArray[np.float64], job_type: JobType) -> dict[str, list[float]]:
    """The marginal of each head, in the order of the action space; closed classes have exactly 0."""
    marginals = np.minimum(probabilities @ incidence(job_type), 1.0)
    parts = zip(HEADS, HEAD_OFFSETS, HEAD_SIZES, strict=True)
    return {head: marginals[offset : offset + size].tolist() for head, offset, size in parts}
