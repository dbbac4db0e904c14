"""Masked decoding: from model outputs to a valid action with its probability."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planner.actions import Action, JobType, valid_actions
from planner.space.heads import HEAD_OFFSETS, HEAD_SIZES, HEADS, incidence, valid_cells


class Decoded(NamedTuple):
    """The most probable valid action and its distribution."""

    action: Action
    confidence: float
    """Confidence in 0..1: the geometric mean of the probability over the four heads, P ** (1/4)."""
    probabilities: NDArray[np.float64]
    """Probabilities (valid actions of the job type, in canonical order)."""
    outcomes: NDArray[np.floating] | None = None
    """Predicted outcomes (240, 5) of an outcome model."""


def decode_heads(logits: NDArray[np.floating], job_type: JobType) -> Decoded:
    """Masked softmax over valid actions from head logits (17,), already divided by their temperatures.

    The score of an action is the sum of its heads' logits; the normalising constants are the same for all actions. Ties
    go to the first in canonical order. Raises `ValueError` for logits that are not finite.
    """
    return _decoded(incidence(job_type) @ logits, job_type)


def decode_cells(scores: NDArray[np.floating], job_type: JobType) -> Decoded:
    """Masked softmax over valid actions from scores (240,), such as log-probabilities; invalid cells are ignored.

    Raises `ValueError` for scores of valid cells that are not finite.
    """
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
    """Marginal probabilities by head, in the order of the action space; 0 for an invalid class."""
    marginals = np.minimum(probabilities @ incidence(job_type), 1.0)
    parts = zip(HEADS, HEAD_OFFSETS, HEAD_SIZES, strict=True)
    return {head: marginals[offset : offset + size].tolist() for head, offset, size in parts}
