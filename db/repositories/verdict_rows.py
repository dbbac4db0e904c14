"""Rows of cases with all that ran of them, as `Verdicts` returns them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from db.objectives import Objective, TieBreak
from db.states import CaseState, ErrorClass, ExecutionState, PropensityKind
from planner.actions import JobType
from planner.documents.statuses import OutcomeStatus

Json = dict[str, Any]


class StoredCase(NamedTuple):
    """A case, with the columns of its bench that decide its winner and its labels."""

    case_id: int
    bench_id: str
    issue_id: str
    job_type: JobType
    dk_risk: str
    dk_size: str
    planner_input: Json
    input_hash: str
    workcell: Json
    state: CaseState
    finished_at: datetime | None
    design: Json | None
    """How the arms were drawn; None in a stream, and in benches of before designs were stored."""
    objective: Objective
    tie_break: list[TieBreak]
    config: Json
    seed: int
    k: int
    strategy: str
    config_hash: str


class StoredOutcome(NamedTuple):
    """The outcome of an execution."""

    status: OutcomeStatus
    duration_ms: int
    micro_usd: int | None
    """None: unknown, which is not 0."""
    charged_micro_usd: int
    fail_codes: list[str]
    gate_score: float | None
    provider_wait_ms: int
    """The part of `duration_ms` that it waited for a provider."""

    @property
    def work_ms(self) -> int:
        """The duration without waits for a provider."""
        return self.duration_ms - self.provider_wait_ms


class StoredExecution(NamedTuple):
    """An execution of an arm, with its outcome where it has one; else the columns of the outcome are None.

    Reports write it as JSON, in this order.
    """

    gates: list[Json] | None
    state: ExecutionState
    status: OutcomeStatus | None
    sandbox: str | None
    """The sandbox that its programs ran in; None where that is not known."""
    micro_usd: int | None
    replicate: int
    fail_codes: list[str] | None
    gate_score: float | None
    duration_ms: int | None
    error_class: ErrorClass | None
    recorded_at: str | None
    """RFC 3339 UTC."""
    execution_id: int
    charged_micro_usd: int | None
    provider_wait_ms: int | None
    spent_micro_usd: int
    """Spent on all its attempts, as `report.attempt_spend` has it."""

    @property
    def outcome(self) -> StoredOutcome | None:
        """The outcome; None where the execution has none (yet)."""
        if self.status is None or self.duration_ms is None or self.charged_micro_usd is None:
            return None
        return StoredOutcome(
            self.status,
            self.duration_ms,
            self.micro_usd,
            self.charged_micro_usd,
            self.fail_codes or [],
            self.gate_score,
            self.provider_wait_ms or 0,
        )


class StoredArm(NamedTuple):
    """An arm of a case; None in a budget is the bin NA."""

    arm_id: int
    case_id: int
    swarm_id: str
    max_candidates: int | None
    max_minutes: int | None
    max_iterations: int | None
    canonical_rank: int
    strategy: str
    strategy_version: str
    propensity: float
    propensity_kind: PropensityKind
    stratum: str
    is_baseline: bool
    is_executed: bool
    executions: list[StoredExecution]


class CaseDemand(NamedTuple):
    """What a case needs to be admitted (the worst case of its executions), and what it used so far."""

    case_id: int
    worst_micro_usd: int
    worst_ms: int
    executions: int
    micro_usd: int
    ms: int


class LargestRun(NamedTuple):
    """The largest worst cases of the executions of arms."""

    micro_usd: int
    ms: int


class MixedKill(NamedTuple):
    """An execution killed by its cap of which another candidate ended with an error of another class."""

    execution_id: int
    error_class: ErrorClass


@dataclass(frozen=True)
class CaseRows:
    """A case with its arms in canonical order; each arm carries its executions, also those that ended in an error."""

    case: StoredCase
    arms: list[StoredArm]
