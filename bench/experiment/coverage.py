"""Pairwise coverage of the action space: the (swarm × bin) pairs that no arm has tried."""

from collections.abc import Iterable
from typing import NamedTuple

from planner.actions import Action, Bin, JobType, valid_actions


class Pair(NamedTuple):
    """A (swarm × bin) pair: a swarm and a bin of a budget."""

    swarm_id: str
    budget: str
    bin: Bin


def pairs_of(action: Action) -> tuple[Pair, ...]:
    """The three (swarm × bin) pairs of an action."""
    budgets = zip(Action._fields[1:], action[1:], strict=True)
    return tuple(Pair(action.swarm_id, field, value) for field, value in budgets)


def uncovered_pairs(tried: Iterable[Action], job_type: JobType) -> tuple[Pair, ...]:
    """The coverable pairs of `job_type` that no tried action has, in canonical order."""
    covered = {pair for action in tried for pair in pairs_of(action)}
    reachable = dict.fromkeys(pair for action in valid_actions(job_type) for pair in pairs_of(action))
    order = {field: index for index, field in enumerate(Action._fields)}
    missing = [pair for pair in reachable if pair not in covered]
    # A stable sort: within a swarm and budget, the bins keep their canonical order.
    return tuple(sorted(missing, key=lambda pair: (pair.swarm_id, order[pair.budget])))
