"""The decision for one issue: the planner's prediction, the rollout rules, exploration, and the policy trace."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.config.models import BenchConfig
from bench.config.routing import first_match
from bench.config.stream import ExplorationConfig
from bench.experiment.logged_draw import safe_set
from bench.intake.issue import Issue
from bench.stream.dispatch import RequestedAction, heuristic_action
from bench.stream.explore import Explored, explore
from planner.actions import Action, valid_actions
from planner.canonical import sha256_json
from planner.host.caps import capped
from planner.host.predictions import predicted_outcomes
from planner.host.rollout import Execution
from planner.inference import PlannerInference
from planner.space.baseline import POLICY_ID

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """The action to run, its propensity under the logging policy, and the record for the database."""

    asked: RequestedAction
    propensity: float
    explored: bool
    policy_id: str
    record: Json
    """The document for `farm.cases.decision`: planner_action (the prediction, in shadow mode too), policy_trace,
    whether the executed action agrees with the prediction, and the heuristics' action."""


def plan_issue(
    issue: Issue,
    planner_input: Json,
    input_hash: str,
    config: BenchConfig,
    inference: PlannerInference,
    stability: Json,
) -> Decision:
    """The decision for one ready issue: the planner's where the rollout allows it, else the heuristics'.

    The planner's safety caps bound both. Deterministic for the same input, except where the planner timed out.

    Returns the decision; it raises nothing, and takes at most the planner's timeout.
    """
    heuristic = heuristic_action(issue, first_match(config.routing, issue))
    baseline, lowered = capped(heuristic.action, inference.config.safety)
    rollout = inference.config.rollout
    # Shadow mode also needs the prediction: it is recorded with the action that runs.
    answer = inference.decide(planner_input)
    allowed = rollout.resolve(
        answer.action, baseline, issue.job_type, issue.dk_risk, answer.abstain_to_default
    )
    drawn = _explore(issue, allowed.action, baseline, config.stream.exploration, input_hash)
    action = allowed.action if drawn is None else drawn.action
    policy_id = _policy_id(inference) if allowed.enforced else POLICY_ID
    propensity = 1.0 if drawn is None else drawn.propensity
    why, explored = (
        _why(allowed, answer.reason, lowered),
        drawn is not None and drawn.action != allowed.action,
    )
    # An answer that does not run has its reasons in `why` already.
    named = [answer.reason if allowed.enforced else None, why, "explored" if explored else None]
    reasons = [reason for part in named if part for reason in part.split(",")]
    roles = {"decided": answer.action, "executed": action, "baseline": baseline}
    return Decision(
        asked=RequestedAction(action, heuristic.toolchains),
        propensity=propensity,
        explored=drawn is not None,
        policy_id=policy_id,
        record={
            "planner_action": answer.document(),
            "policy_trace": {
                "schema_version": "cyntra.planner_policy_trace.v1",
                "policy_id": policy_id,
                "policy_mode": rollout.mode,
                "candidate_set_hash": sha256_json([list(valid) for valid in valid_actions(issue.job_type)]),
                "propensity_executed": propensity,
                "exploration": _exploration(config.stream.exploration, drawn),
                "stability": stability,
                **_explained(reasons, predicted_outcomes(answer, issue.job_type, roles)),
            },
            "agrees": answer.action == action,
            "enforced": allowed.enforced,
            "held_back": why,
            "explored": explored,
            "heuristic": list(baseline),
        },
    )


def _why(allowed: Execution, abstained: str | None, lowered: Sequence[str]) -> str | None:
    """Why the planner's decision does not run, or runs changed; None where it runs as it is."""
    if allowed.enforced:
        return allowed.reason
    # An answer that abstains names its own caps already.
    return abstained if allowed.reason == "abstained" else ",".join([str(allowed.reason), *lowered])


def _explained(reasons: list[str], predicted: list[Json]) -> Json:
    """The parts of a trace that explain the decision; a decision that ran unchanged needs no reason."""
    return {
        **({"reasons": reasons} if reasons else {}),
        **({"predicted_outcomes": predicted} if predicted else {}),
    }


def _policy_id(inference: PlannerInference) -> str:
    model = inference.model
    return POLICY_ID if model is None else f"bundle:{model['checkpoint_id']}"


def _explore(
    issue: Issue, chosen: Action, baseline: Action, settings: ExplorationConfig, input_hash: str
) -> Explored | None:
    eligible = issue.dk_priority in settings.priorities or not set(issue.tags).isdisjoint(settings.tags)
    if not settings.enabled or not eligible:
        return None
    safe = safe_set(chosen, baseline, issue.job_type)
    return explore(chosen, safe, settings.epsilon, input_hash, settings.epoch_seed)


def _exploration(settings: ExplorationConfig, drawn: Explored | None) -> Json:
    if drawn is None:
        return {"enabled": False}
    return {
        "enabled": True,
        "method": "epsilon_greedy",
        "epsilon": settings.epsilon,
        "safe_set": [list(action) for action in drawn.safe_set],
        "u": drawn.u,
    }
