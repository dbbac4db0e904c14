"""Certain arms (inclusion probability 1): the baseline and the last executed action, where a bench includes them."""

from functools import lru_cache
from typing import NamedTuple

from bench.errors import BenchError
from bench.experiment.space import ArmSpace, SamplingRule, Stratum
from planner.actions import Action


class Certain(NamedTuple):
    """The arms of inclusion probability 1, the baseline first; `notes`: which were left out, and why."""

    actions: tuple[Action, ...]
    strata: tuple[Stratum, ...]
    notes: tuple[str, ...]


@lru_cache(maxsize=4096)
def certain_arms(
    space: ArmSpace, baseline: Action, executed: Action | None, rule: SamplingRule, *, uses_k: bool = True
) -> Certain:
    """The included actions that are allowed; they count within K, where K is used.

    Raises `BenchError` where K is out of range, or no action is allowed.
    """
    _check_k(space, rule, uses_k)
    wanted = [("baseline's", baseline)] if rule.include_baseline else []
    if rule.include_executed and executed is not None:
        wanted.append(("last executed", executed))
    actions: list[Action] = []
    notes = []
    for name, action in wanted:
        if action in actions:
            continue
        if action not in space.actions:
            notes.append(f"the {name} action ({action.label()}) is not among the allowed actions")
        elif uses_k and len(actions) == rule.k:
            notes.append(f"K={rule.k} leaves no place for the {name} action ({action.label()})")
        else:
            actions.append(action)
    strata: tuple[Stratum, ...] = tuple(
        "baseline" if action == baseline else "executed" for action in actions
    )
    return Certain(tuple(actions), strata, tuple(notes))


def _check_k(space: ArmSpace, rule: SamplingRule, uses_k: bool) -> None:
    if rule.k < 1:
        raise BenchError(f"action_sampling.K is {rule.k}; it must be at least 1")
    if not space.actions:
        raise BenchError(
            f"no action of job type {space.job_type} is within max_minutes_per_candidate; raise that limit"
        )
    if uses_k and rule.k > len(space.actions):
        raise BenchError(
            f"action_sampling.K is {rule.k}, but job type {space.job_type} has only {len(space.actions)}"
            " valid actions under these limits; lower K or raise max_minutes_per_candidate"
        )
