"""Exploration: now and then another action than the policy's, with the chance of it on record.

ε-greedy over a safe set A that holds the policy's choice: with probability 1 − ε the choice, with probability
ε a uniform draw from A. The propensity of what runs is 1 − ε + ε/|A| for the choice and ε/|A| for any other
(Sutton and Barto, Reinforcement Learning, 2nd ed., section 2.2).
"""

from collections.abc import Sequence
from typing import NamedTuple

from bench.experiment.streams import unit
from planner.actions import Action, JobType, canonical_rank, valid_actions
from planner.host.rollout import is_reduction


class Explored(NamedTuple):
    """What runs, and how it was drawn."""

    action: Action
    propensity: float
    safe_set: tuple[Action, ...]
    """In canonical order."""
    u: float
    """The number in [0, 1) that decided."""


def safe_set(chosen: Action, baseline: Action, job_type: JobType) -> tuple[Action, ...]:
    """The valid actions that ask for no more than the baseline does, and the policy's own choice."""
    safe = {action for action in valid_actions(job_type) if is_reduction(action, baseline)}
    return tuple(sorted({*safe, chosen}, key=canonical_rank))


def explore(
    chosen: Action, safe: Sequence[Action], epsilon: float, input_hash: str, epoch_seed: str
) -> Explored:
    """The draw for one decision: the same input hash and seed always draw the same.

    One number u decides both whether to explore and what: u < 1 − ε keeps the choice, and what is left of
    [0, 1) is divided evenly among `safe`. `chosen` must be in `safe`, and 0 ≤ ε ≤ 1.
    """
    if chosen not in safe or not 0 <= epsilon <= 1:
        raise ValueError("the choice must be in the safe set, and epsilon between 0 and 1")
    u = unit("explore", epoch_seed, input_hash)
    action = chosen
    if u >= 1 - epsilon:
        place = int((u - (1 - epsilon)) / epsilon * len(safe))
        action = safe[min(place, len(safe) - 1)]
    share = epsilon / len(safe)
    return Explored(action, share + (1 - epsilon if action == chosen else 0.0), tuple(safe), u)
