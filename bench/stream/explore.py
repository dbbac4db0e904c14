"""Safe ε-greedy exploration with recorded propensities.

The safe set A has the policy's choice in it: with probability 1 − ε the choice runs, with probability ε a
uniform draw from A. The propensity of the executed action is 1 − ε + ε/|A| for the choice and ε/|A| for any other
(Sutton and Barto, Reinforcement Learning, 2nd ed., section 2.2).
"""

from collections.abc import Sequence
from typing import NamedTuple

from bench.experiment.streams import unit
from planner.actions import Action, JobType, canonical_rank, valid_actions
from planner.host.rollout import is_reduction


class Explored(NamedTuple):
    """The drawn action, its propensity, and the draw."""

    action: Action
    propensity: float
    safe_set: tuple[Action, ...]
    """In canonical order."""
    u: float
    """The pseudo-random number in [0, 1) of the draw."""


def safe_set(chosen: Action, baseline: Action, job_type: JobType) -> tuple[Action, ...]:
    """The safe set: the valid actions that use at most the budgets of the baseline, and the policy's choice."""
    safe = {action for action in valid_actions(job_type) if is_reduction(action, baseline)}
    return tuple(sorted({*safe, chosen}, key=canonical_rank))


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
    share = epsilon / len(safe)
    return Explored(action, share + (1 - epsilon if action == chosen else 0.0), tuple(safe), u)
