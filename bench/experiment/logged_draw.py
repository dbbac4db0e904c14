"""The ε-greedy draw of a stream's decision: safe set, propensities, and the draw that a logged decision implies."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from planner.actions import Action, JobType, canonical_rank, valid_actions
from planner.host.rollout import is_reduction
from planner.space.baseline import clamp_action

Json = Mapping[str, Any]
_FORCED = "forced_"


class LoggedDraw(NamedTuple):
    """One draw: the policy's choice, the safe set it is in, and ε."""

    choice: Action
    """What runs without exploration."""
    heuristic: Action
    """The heuristics' action, whose budgets bound the safe set."""
    safe_set: tuple[Action, ...]
    epsilon: float

    @property
    def probabilities(self) -> dict[Action, float]:
        """The probability of each action of the safe set; those of all other actions are 0."""
        return draw_probabilities(self.choice, self.safe_set, self.epsilon)


def safe_set(chosen: Action, baseline: Action, job_type: JobType) -> tuple[Action, ...]:
    """The safe set: the valid actions that use at most the budgets of the baseline, and the policy's choice."""
    return tuple(sorted({*_reductions(baseline, job_type), chosen}, key=canonical_rank))


@cache
def _reductions(baseline: Action, job_type: JobType) -> frozenset[Action]:
    return frozenset(action for action in valid_actions(job_type) if is_reduction(action, baseline))


def draw_probabilities(chosen: Action, safe: Sequence[Action], epsilon: float) -> dict[Action, float]:
    """The propensity of each action of `safe`; they sum to 1."""
    share = epsilon / len(safe)
    return {action: share + (1 - epsilon if action == chosen else 0.0) for action in safe}


def logged_draw(decision: Json | None, drawn: Action, job_type: JobType) -> LoggedDraw | None:
    """The draw that `decision`, the record of a stream's decision, resulted from; `drawn` is its action.

    A record does not name the choice where another action was drawn. Then it is the planner's action where the
    planner decided, and else the heuristics' action, the largest of the safe set.

    Returns None where nothing was drawn: no record, no exploration, or ε = 0.
    """
    exploration = (decision or {}).get("policy_trace", {}).get("exploration", {})
    if decision is None or not exploration.get("enabled") or not exploration["epsilon"]:
        return None
    safe = tuple(Action(*values) for values in exploration["safe_set"])
    choice = _choice(decision, safe, job_type) if decision["explored"] else drawn
    stored = decision.get("heuristic")
    heuristic = _heuristic(choice, safe, job_type) if stored is None else Action(*stored)
    return LoggedDraw(choice, heuristic, safe, float(exploration["epsilon"]))


def predicted_action(decision: Json) -> Action:
    """What the planner decided, before rollout rules and exploration."""
    answer = decision["planner_action"]
    names = ("max_candidates_bin", "max_minutes_bin", "max_iterations_bin")
    return Action(answer["swarm_id"], *(answer["budgets"][name] for name in names))


def _choice(decision: Json, safe: tuple[Action, ...], job_type: JobType) -> Action:
    if not decision["enforced"]:
        return _largest(safe)
    choice, changed = predicted_action(decision), decision["held_back"] or ""
    if changed.startswith(_FORCED):
        return clamp_action(choice._replace(swarm_id=changed.removeprefix(_FORCED)), job_type)
    return choice


def _heuristic(choice: Action, safe: tuple[Action, ...], job_type: JobType) -> Action:
    """For records of before it was stored: the action whose reductions and `choice` make up the safe set.

    Where two actions do, as on a chain of budgets of which the choice is the largest, it is the larger.
    """
    members = frozenset(safe)
    bounds = [action for action in safe if _reductions(action, job_type) | {choice} == members]
    return _largest(bounds) if bounds else choice


def _largest(actions: Sequence[Action]) -> Action:
    """The action that the most of `actions` are reductions of."""
    return max(actions, key=lambda action: sum(is_reduction(other, action) for other in actions))
