"""All that the database has about one execution, for people who want to see what it did."""

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from db.rows import read_first, read_rows
from db.states import BenchKind, ErrorClass, ExecutionState
from planner.documents.statuses import OutcomeStatus

Json = dict[str, Any]


class ExecutionFacts(NamedTuple):
    """An execution with its arm, its case and its outcome; columns of an outcome are None where it has none (yet)."""

    execution_id: int
    bench_id: str
    kind: BenchKind
    case_id: int
    issue_id: str
    title: str
    dk_risk: str
    dk_size: str
    repo: str | None
    base: str | None
    arm_id: int | None
    swarm_id: str | None
    max_candidates: int | None
    max_minutes: int | None
    max_iterations: int | None
    is_baseline: bool | None
    propensity: float | None
    replicate: int
    replicates: int | None
    is_winning_arm: bool
    decided_at: datetime | None
    seed: int
    queue: str
    state: ExecutionState
    attempt: int
    machine_id: str | None
    reason: str | None
    started_at: datetime | None
    finished_at: datetime | None
    reserved_micro_usd: int
    live_micro_usd: int | None
    """Metered so far, while it runs."""
    outcome_attempt: int | None
    status: OutcomeStatus | None
    error_class: ErrorClass | None
    message: str | None
    duration_ms: int | None
    provider_wait_ms: int | None
    micro_usd: int | None
    charged_micro_usd: int | None
    overrun_micro_usd: int | None
    cost_source: str | None
    fail_codes: list[str] | None
    gate_score: float | None
    gates: list[Json] | None
    chosen: int | None
    recorded_at: datetime | None


class AttemptFacts(NamedTuple):
    """One lease of an execution."""

    attempt: int
    machine_id: str
    claimed_at: datetime
    ended_at: datetime | None
    ending: str
    message: str | None
    micro_usd: int | None
    has_late_result: bool
    baseline: list[Json] | None
    """Of the gates of a base commit: what each showed."""


class CandidateFacts(NamedTuple):
    """One candidate; `document` is its result as its worker reported it."""

    attempt: int
    candidate: int
    workcell_id: str
    status: OutcomeStatus
    error_class: ErrorClass | None
    duration_ms: int
    micro_usd: int | None
    cost_source: str
    document: Json


class LedgerFacts(NamedTuple):
    """One entry of the ledger about an execution."""

    attempt: int
    kind: str
    micro_usd: int
    moved_at: datetime


_FACTS = sa.text("""
    SELECT e.execution_id, e.bench_id, b.kind, e.case_id, c.issue_id, coalesce(c.issue ->> 'title', '') AS title,
           c.dk_risk, c.dk_size, c.workcell ->> 'repo' AS repo, c.workcell ->> 'base' AS base,
           e.arm_id, a.swarm_id, a.max_candidates, a.max_minutes, a.max_iterations, a.is_baseline, a.propensity,
           e.replicate, a.replicates, coalesce(v.winner_arm_id = e.arm_id, false) AS is_winning_arm, v.decided_at,
           e.seed, e.queue, e.state, e.attempt, e.machine_id, e.reason, e.started_at, e.finished_at,
           e.worst_micro_usd AS reserved_micro_usd, e.spent_micro_usd AS live_micro_usd,
           o.attempt AS outcome_attempt, o.status, o.error_class, o.message, o.duration_ms, o.provider_wait_ms,
           o.micro_usd, o.charged_micro_usd, o.overrun_micro_usd, o.cost_source, o.fail_codes, o.gate_score, o.gates,
           o.chosen, o.recorded_at
    FROM farm.executions e
    JOIN farm.cases c USING (case_id)
    JOIN farm.benches b ON b.bench_id = e.bench_id
    LEFT JOIN farm.arms a ON a.arm_id = e.arm_id
    LEFT JOIN farm.verdicts v ON v.case_id = e.case_id
    LEFT JOIN farm.outcomes o ON o.execution_id = e.execution_id
    WHERE e.execution_id = :execution""")
_ATTEMPTS = sa.text("""
    SELECT attempt, machine_id, claimed_at, ended_at, ending, message, micro_usd,
           late_result IS NOT NULL AS has_late_result, result -> 'baseline' AS baseline
    FROM farm.attempts WHERE execution_id = :execution ORDER BY attempt""")
_CANDIDATES = sa.text("""
    SELECT attempt, candidate, workcell_id, status, error_class, duration_ms, micro_usd, cost_source, document
    FROM farm.candidates WHERE execution_id = :execution ORDER BY attempt, candidate""")
_LEDGER = sa.text("""
    SELECT attempt, kind, micro_usd, moved_at
    FROM farm.ledger WHERE execution_id = :execution ORDER BY moved_at, attempt, kind""")


class ExecutionReader:
    """Reads one execution."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def facts(self, execution_id: int) -> ExecutionFacts | None:
        """The execution; None where there is none of this id."""
        return read_first(self._engine, ExecutionFacts, _FACTS, {"execution": execution_id})

    def attempts(self, execution_id: int) -> list[AttemptFacts]:
        """Its attempts, the first one first."""
        return read_rows(self._engine, AttemptFacts, _ATTEMPTS, {"execution": execution_id})

    def candidates(self, execution_id: int) -> list[CandidateFacts]:
        """The candidates of all attempts whose result was recorded."""
        return read_rows(self._engine, CandidateFacts, _CANDIDATES, {"execution": execution_id})

    def ledger(self, execution_id: int) -> list[LedgerFacts]:
        """Its reservations and settlements, by time."""
        return read_rows(self._engine, LedgerFacts, _LEDGER, {"execution": execution_id})
