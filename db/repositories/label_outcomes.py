"""Outcomes of closed cases with all that they are analysed by: one row an execution of an arm."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from db.objectives import Objective
from db.rows import read_rows
from db.states import CaseState, ErrorClass, PropensityKind
from planner.actions import JobType
from planner.documents.statuses import OutcomeStatus

Json = dict[str, Any]

# Tokens are a sum over all rounds of all candidates, and unknown as soon as one round's are.
_ROWS: Final = sa.text("""
    SELECT c.case_id, c.bench_id, c.issue_id, c.state AS case_state, c.finished_at, c.job_type,
           c.workcell ->> 'repo' AS repo, c.dk_priority, c.dk_risk, c.dk_size, c.planner_input, c.input_hash,
           b.config_hash, b.k, b.strategy, b.seed, v.objective, v.tie_size,
           CASE WHEN v.case_id IS NOT NULL THEN coalesce(v.winner_arm_id = a.arm_id, false) END AS is_winner,
           v.winner_arm_id IS NOT NULL AS has_winner,
           a.swarm_id, a.max_candidates, a.max_minutes, a.max_iterations, a.canonical_rank, a.is_baseline,
           a.propensity, a.propensity_kind,
           e.execution_id, e.replicate, o.attempt, o.status, o.error_class, o.gate_score, o.fail_codes,
           o.duration_ms, o.provider_wait_ms, o.budget_ms, o.micro_usd, o.charged_micro_usd, o.cost_source,
           o.recorded_at, ran.sandbox, ran.toolchain_versions, ran.tokens_in, ran.tokens_out
    FROM farm.cases c
    JOIN farm.benches b USING (bench_id)
    JOIN farm.arms a USING (case_id)
    JOIN farm.executions e ON e.arm_id = a.arm_id AND e.case_id = c.case_id
    JOIN farm.outcomes o USING (execution_id)
    LEFT JOIN farm.verdicts v ON v.case_id = c.case_id
    CROSS JOIN LATERAL (
        SELECT min(d.document ->> 'sandbox') AS sandbox,
               coalesce(jsonb_agg(DISTINCT jsonb_build_array(r ->> 'toolchain', r ->> 'toolchain_version'))
                        FILTER (WHERE r IS NOT NULL), '[]') AS toolchain_versions,
               CASE WHEN count(r) = count(r ->> 'tokens_in') THEN sum((r ->> 'tokens_in')::bigint)::bigint END
                   AS tokens_in,
               CASE WHEN count(r) = count(r ->> 'tokens_out') THEN sum((r ->> 'tokens_out')::bigint)::bigint END
                   AS tokens_out
        FROM farm.candidates d
        LEFT JOIN LATERAL jsonb_array_elements(d.document -> 'rounds') r ON true
        WHERE d.execution_id = o.execution_id AND d.attempt = o.attempt) ran
    WHERE c.case_id = ANY (:cases)
    ORDER BY c.case_id, a.canonical_rank, e.replicate, e.execution_id""")


_VERSIONS: Final = sa.text("""
    SELECT DISTINCT e.case_id, r ->> 'toolchain' AS toolchain, r ->> 'toolchain_version' AS version
    FROM farm.executions e
    JOIN farm.outcomes o USING (execution_id)
    JOIN farm.candidates d ON d.execution_id = o.execution_id AND d.attempt = o.attempt,
    jsonb_array_elements(d.document -> 'rounds') AS r
    WHERE e.case_id = ANY (:cases) AND e.arm_id IS NOT NULL AND o.status <> 'error'
      AND r ->> 'toolchain_version' IS NOT NULL
    ORDER BY 1, 2, 3""")


class CaseToolchain(NamedTuple):
    """A toolchain of a known version that worked on a case."""

    case_id: int
    toolchain: str
    version: str


class LabelOutcome(NamedTuple):
    """One outcome of an arm of a closed case. Money is in micro-dollars, time in milliseconds; None is unknown."""

    case_id: int
    bench_id: str
    issue_id: str
    case_state: CaseState
    finished_at: datetime | None
    job_type: JobType
    repo: str | None
    """The address of the repository, which may hold a credential."""
    dk_priority: str
    dk_risk: str
    dk_size: str
    planner_input: Json
    input_hash: str
    config_hash: str
    k: int
    strategy: str
    seed: int
    objective: Objective | None
    """None where the case has no verdict."""
    tie_size: int | None
    is_winner: bool | None
    """None where the case has no verdict; false in a case that no arm passed."""
    has_winner: bool
    """Whether an arm of its case won."""
    swarm_id: str
    max_candidates: int | None
    """None in a budget is the bin NA."""
    max_minutes: int | None
    max_iterations: int | None
    canonical_rank: int
    is_baseline: bool
    propensity: float
    propensity_kind: PropensityKind
    execution_id: int
    replicate: int
    attempt: int
    status: OutcomeStatus
    error_class: ErrorClass | None
    gate_score: float | None
    fail_codes: list[str]
    duration_ms: int
    provider_wait_ms: int
    budget_ms: int
    micro_usd: int | None
    charged_micro_usd: int
    cost_source: str
    recorded_at: datetime
    sandbox: str | None
    toolchain_versions: list[list[str | None]]
    """Distinct [toolchain, version or None] of its rounds."""
    tokens_in: int | None
    tokens_out: int | None


class LabelOutcomes:
    """Read-only."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def of_cases(self, case_ids: Sequence[int]) -> list[LabelOutcome]:
        """The outcomes of arms of these cases, by case, action in canonical order, and replicate."""
        return read_rows(self._engine, LabelOutcome, _ROWS, {"cases": list(case_ids)})

    def toolchains_of(self, case_ids: Sequence[int]) -> list[CaseToolchain]:
        """The toolchains of known versions in scored executions of these cases, sorted."""
        return read_rows(self._engine, CaseToolchain, _VERSIONS, {"cases": list(case_ids)})
