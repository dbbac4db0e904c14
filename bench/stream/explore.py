"""Safe ε-greedy exploration with recorded propensities.

The safe set A has the policy's choice in it: with probability 1 − ε the choice runs, with probability ε a
uniform draw from A. The propensity of the executed action is 1 − ε + ε/|A| for the choice and ε/|A| for any other
(Sutton and Barto, Reinforcement Learning, 2nd ed., section 2.2).
"""

from collections.abc import Sequence
from typing import NamedTuple

from bench.experiment.logged_draw import draw_probabilities
from bench.experiment.streams import unit
from planner.actions import Action


class Explored(NamedTuple):
    """The drawn action, its propensity, and the draw."""

    action: Action
    propensity: float
    safe_set: tuple[Action, ...]
    """In canonical order."""
    u: float
    """The pseudo-random number in [0, 1) of the draw."""


def explore(
    chosen: Action, safe: Sequence[Action], epsilon: float, input_hash: str, epoch_seed: str
) -> Explored:
    """The ε-greedy draw of one decision; deterministic for the same input hash and seed.

    One number u decides both whether to explore and which action: u < 1 − ε keeps the choice, and the rest of
    [0, 1) is divided evenly among `safe`.

    Raises `ValueError` where `chosen` is not in `safe`, or ε not in [0, 1].
    """
    if chosen not in safe or not 0 <= epsilon <= 1:
        raise ValueError("the choice must be in the safe set, and epsilon between 0 and 1")
    u = unit("explore", epoch_seed, input_hash)
    action = chosen
    if u >= 1 - epsilon:
        index = int((u - (1 - epsilon)) / epsilon * len(safe))
        action = safe[min(index, len(safe) - 1)]
    return Explored(action, draw_probabilities(chosen, safe, epsilon)[action], tuple(safe), u)
