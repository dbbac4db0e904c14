"""Soft labels by head: marginals of weights over actions."""

from collections.abc import Sequence
from typing import Final

from planner.actions import CANDIDATE_BINS, ITERATION_BINS, MINUTE_BINS, SWARM_IDS, Action, Bin

_HEADS: Final[dict[str, Sequence[Bin | str]]] = {
    "swarm": SWARM_IDS,
    "candidates": CANDIDATE_BINS,
    "minutes": MINUTE_BINS,
    "iterations": ITERATION_BINS,
}


def soft_heads(weights: Sequence[tuple[Action, float]]) -> dict[str, list[float]]:
    """The marginal soft label of each head: the weight of each value, in the order of the action space."""
    return {
        # Sums of weights can exceed 1 by rounding.
        head: [
            min(1.0, sum((weight for action, weight in weights if action[index] == value), start=0.0))
            for value in values
        ]
        for index, (head, values) in enumerate(_HEADS.items())
    }
