"""Replicates of the arms with their seeds, and the randomised admission order of the cases."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bench.experiment.streams import seed63, seeded_order, unit
from planner.actions import Action


class Replicate(NamedTuple):
    """A planned execution: replicate `number` (from 0) of an arm, with its own seed."""

    action: Action
    number: int
    seed: int


def expand_replicates(
    actions: Sequence[Action],
    *,
    issue_id: str,
    seed: int,
    replicates: int = 1,
    replicate_fraction: float = 1.0,
) -> tuple[Replicate, ...]:
    """The planned executions of the arms of a case, arm by arm in the given order.

    An arm is executed `replicates` times with probability `replicate_fraction`, drawn from (seed, issue,
    action), and once otherwise. Seeds are non-negative 63-bit integers, keyed by (seed, issue, action,
    number).
    """
    planned = []
    for action in actions:
        chosen = replicates > 1 and unit(seed, "replicated", issue_id, *action) < replicate_fraction
        for number in range(replicates if chosen else 1):
            planned.append(Replicate(action, number, seed63(seed, "execution", issue_id, *action, number)))
    return tuple(planned)


def admission_ranks(seed: int, issue_ids: Iterable[str]) -> dict[str, int]:
    """The admission rank of each case, from 0: a seeded random permutation.

    The cases that a cap leaves out then depend on no outcome and not on the order of the backlog.
    """
    return {issue: rank for rank, issue in enumerate(seeded_order(seed, "admission", issue_ids))}
