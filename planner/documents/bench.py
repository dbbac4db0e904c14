"""Documents that a bench publishes: one example a case, one summary a bench."""

from typing import Annotated, Any, Literal

from pydantic import Field

from planner.documents.base import (
    Count,
    Dollars,
    Name,
    Open,
    Share,
    Timestamp,
)
from planner.documents.planner_input import PlannerInput
from planner.documents.plans import PlannerActionDocument
from planner.documents.statuses import RunStatus

ActionItem = str | int


class CandidateOutcome(Open):
    status: RunStatus
    duration_ms: Count
    provider_wait_ms: Count = 0
    """The part of `duration_ms` that it waited for a provider; left out where there was no such wait."""
    cost_usd: Dollars | None
    """null: unknown, which is not 0."""
    all_gates_passed: bool
    fail_codes: list[str]


class ExampleCandidate(Open):
    """One execution of one arm."""

    action: Annotated[list[ActionItem], Field(min_length=4, max_length=4)]
    """[swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin]"""
    outcome: CandidateOutcome
    is_winner: bool
    propensity: Share
    replicate: Count


class WinnerSelectionDocument(Open):
    primary_objective: str
    candidates_evaluated: Count
    candidates_passed_constraints: Count


class BenchMetadata(Open):
    bench_id: Name
    bench_config_hash: str
    k: Annotated[int, Field(alias="K", ge=1)]
    strategy: str
    seed: int
    epoch: str | None = None
    """Policy epoch: digest of the rules that the outcomes depend on; missing in labels of older versions."""
    repo: str | None = None
    """Repository of the issue, without credentials; missing in labels of older versions."""
    toolchain_versions: dict[str, list[str]] | None = None
    """Known versions of the toolchains that worked on the case, by name."""
    winner_selection: WinnerSelectionDocument


class BestOfKExample(Open):
    """`cyntra.best_of_k_example.v1`: a benched issue with its best action as the label."""

    schema_version: Literal["cyntra.best_of_k_example.v1"]
    issue_id: Name
    run_id: Name
    created_at: Timestamp
    planner_input: PlannerInput
    label_action: PlannerActionDocument
    candidates: list[ExampleCandidate]
    bench_metadata: BenchMetadata


class BenchStatistics(Open):
    total_issues: Count
    issues_with_winner: Count
    issues_no_passing_candidate: Count
    total_candidates_executed: Count
    total_execution_time_minutes: Annotated[float, Field(ge=0)]
    total_cost_usd: Dollars


class WinnerDistribution(Open):
    """How many winners have each value; keys are the values as text."""

    by_swarm: dict[str, Count]
    by_max_candidates: dict[str, Count]
    by_max_minutes: dict[str, Count]


class PlannerBenchSummary(Open):
    """`cyntra.planner_bench_summary.v1`: what a bench came to."""

    schema_version: Literal["cyntra.planner_bench_summary.v1"]
    bench_id: Name
    created_at: Timestamp
    config: dict[str, Any]
    statistics: BenchStatistics
    winner_distribution: WinnerDistribution
    regret_analysis: dict[str, Any]
    output_paths: dict[str, str]
