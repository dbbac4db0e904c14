"""`cyntra.planner_input.v1` and `run_summary.v1`: the complete observation of a policy."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from planner.actions import JobType
from planner.documents.base import (
    CandidatesBin,
    Closed,
    Count,
    Dollars,
    IterationsBin,
    MinutesBin,
    Name,
    Open,
    Priority,
    Risk,
    Size,
    Timestamp,
    hash_without_time,
)
from planner.documents.statuses import RunStatus


class UniverseDefaults(Closed):
    swarm_id: str | None = None
    objective_id: str | None = None


class IssueDocument(Open):
    """The issue as the planner sees it; open for what trackers add."""

    issue_id: Name
    dk_priority: Priority
    dk_risk: Risk
    dk_size: Size
    dk_tool_hint: str | None
    dk_attempts: Count
    tags: list[str]
    title: str | None = None
    description: str | None = None
    keywords: Annotated[list[str], Field(max_length=16)] | None = None


class ExecutedAction(Closed):
    """Numbers as executed; null where a budget was not known. Minutes are seconds // 60."""

    swarm_id: str | None
    max_candidates: Count | None
    max_minutes: Count | None
    max_iterations: Count | None


class GateOutcome(Closed):
    name: Name
    passed: bool
    score: float | None = None


class RunOutcome(Closed):
    status: RunStatus
    fail_codes: list[str]
    gates: list[GateOutcome]


class Runtime(Closed):
    duration_ms: Count


class RunSummary(Closed):
    """One finished run, as history shows it."""

    schema_version: Literal["run_summary.v1"] = "run_summary.v1"
    """Some kernels do not repeat it in every run of a history."""
    run_id: Name
    started_ms: int
    """Milliseconds since 1970-01-01T00:00:00Z."""
    job_type: JobType
    domain: str
    action_executed: ExecutedAction
    outcome: RunOutcome
    runtime: Runtime
    cost_usd_est: Dollars | None = None
    tokens_in: Count | None = None
    tokens_out: Count | None = None
    tags: list[str] | None = None
    issue_id: str | None = None


class History(Closed):
    last_n_similar_runs: list[RunSummary]
    """Newest first."""


class ValidityRule(Closed):
    """`if` fields equal their values, then `field: value` must hold, or `field_not: value` must not."""

    description: str
    condition: Annotated[dict[str, Any], Field(alias="if")]
    then: dict[str, Any]


class ActionSpace(Closed):
    swarm_ids: Annotated[list[Name], Field(min_length=1, max_length=8)]
    max_candidates_bins: list[CandidatesBin]
    max_minutes_bins: list[MinutesBin]
    max_iterations_bins: list[IterationsBin]
    validity_rules: list[ValidityRule]


class SystemState(Open):
    """The farm at the moment of planning; open.

    Bins are labels such as `1-2` or `6+`, also written `1_2` and `6_plus`, or the numbers themselves. The hour is a
    label or 0 to 23.
    """

    active_workcells_bin: str | int | float | None = None
    queue_depth_bin: str | int | float | None = None
    available_toolchains: list[str] | None = None
    toolchain_health: dict[str, Any] | None = None
    hour_bucket: str | int | float | None = None
    budget_remaining_bin: str | None = None


class PlannerInput(Closed):
    schema_version: Literal["cyntra.planner_input.v1"]
    created_at: Timestamp
    universe_id: str
    job_type: JobType
    universe_defaults: UniverseDefaults
    issue: IssueDocument
    history: History
    action_space: ActionSpace
    system_state: SystemState | None = None


def input_hash(planner_input: PlannerInput | Mapping[str, Any]) -> str:
    """SHA-256 digest of the canonical JSON of a planner_input, without `created_at`."""
    document = planner_input.document() if isinstance(planner_input, PlannerInput) else planner_input
    return hash_without_time(document)
