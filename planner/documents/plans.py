"""Documents of a decision: the action, the executed plan and the policy trace."""

from typing import Annotated, Any, Literal

from pydantic import Field

from planner.actions import Action
from planner.documents.base import (
    AtLeastOne,
    CandidatesBin,
    Closed,
    IterationsBin,
    MinutesBin,
    Name,
    Open,
    Share,
    Timestamp,
)


class Budgets(Closed):
    max_minutes_bin: MinutesBin
    max_candidates_bin: CandidatesBin
    max_iterations_bin: IterationsBin


class ModelRef(Closed):
    checkpoint_id: Name
    version: str | None = None
    git_sha: str | None = None


class PlannerActionDocument(Closed):
    """`cyntra.planner_action.v1`: one decision, or, with `label_source`, one label."""

    schema_version: Literal["cyntra.planner_action.v1"]
    created_at: Timestamp
    swarm_id: Name
    budgets: Budgets
    probs: dict[str, list[Share]] | None = None
    """Probabilities by head, in the order of the action space."""
    confidence: Share | None = None
    abstain_to_default: bool | None = None
    reason: str | None = None
    model: ModelRef | None = None
    input_hash: str | None = None
    label_source: str | None = None

    def action(self) -> Action:
        """The decision as an action; its validity depends on the job type."""
        budgets = self.budgets
        return Action(
            self.swarm_id, budgets.max_candidates_bin, budgets.max_minutes_bin, budgets.max_iterations_bin
        )


class ExecutedPlan(Open):
    """`cyntra.executed_plan.v1`: what really ran, after caps, fewer free slots and fallbacks."""

    schema_version: Literal["cyntra.executed_plan.v1"]
    swarm_id_executed: Name
    max_candidates_executed: AtLeastOne
    timeout_seconds_executed: Annotated[float, Field(ge=0)] | None
    """Null where the toolchain's own limit holds."""
    max_iterations_executed: AtLeastOne | None
    """Null where the kernel sets no limit of rounds."""
    fallback_applied: bool
    fallback_reason: str | None


class Exploration(Open):
    enabled: bool
    method: str | None = None
    epsilon: Share | None = None
    safe_set: list[Any] | None = None
    u: Share | None = None
    """The random number of the draw."""


class Stability(Open):
    kernel_config_hash: str | None = None
    universe_hash: str | None = None
    prompt_frontier_hash: str | None = None
    toolchain_versions: dict[str, str | None] | None = None


class PredictedOutcome(Open):
    """What an outcome model expected of one action."""

    action: list[str | int]
    """[swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin]"""
    roles: list[str]
    """`decided`, `executed`, `baseline`, `likely_to_pass`: why the action is recorded."""
    p_pass: float
    p_pass_std: float | None = None
    p_timeout: float | None = None
    duration_ms: float | None = None
    """Typical, where there is no timeout."""
    cost_usd: float | None = None


class PlannerPolicyTrace(Open):
    """`cyntra.planner_policy_trace.v1`: which policy decided, how, and under which conditions."""

    schema_version: Literal["cyntra.planner_policy_trace.v1"]
    policy_id: Name
    policy_mode: Literal["off", "log", "enforce"]
    candidate_set_hash: str | None
    propensity_executed: Share | None
    exploration: Exploration
    stability: Stability
    reasons: list[str] | None = None
    """Why the executed action is not the planner's unchanged decision, such as `shadow_mode`; absent where it is."""
    predicted_outcomes: list[PredictedOutcome] | None = None
    """Absent where the model predicts no outcomes."""


def label_document(action: Action, created_at: str, hashed: str, source: str) -> dict[str, Any]:
    """The `cyntra.planner_action.v1` document of a label; `hashed` is the hash of its planner_input."""
    return {
        "schema_version": "cyntra.planner_action.v1",
        "created_at": created_at,
        "swarm_id": action.swarm_id,
        "budgets": {
            "max_minutes_bin": action.max_minutes_bin,
            "max_candidates_bin": action.max_candidates_bin,
            "max_iterations_bin": action.max_iterations_bin,
        },
        "input_hash": hashed,
        "label_source": source,
    }
