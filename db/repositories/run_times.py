"""How long the executions of a bench ran before they passed, failed or were stopped."""

from collections.abc import Sequence
from typing import NamedTuple, TypedDict

import sqlalchemy as sa

from db.rows import read_rows
from planner.documents.statuses import OutcomeStatus

# The first run of an arm that raced decided whether the arm stayed: it is left out, as it is elsewhere.
_RUNS = sa.text("""
    SELECT c.issue_id, a.swarm_id, (a.planned ->> 'minutes')::double precision AS budget,
           coalesce((c.workcell ->> 'seconds_per_minute')::double precision, 60) AS seconds_per_minute,
           a.propensity = 1 AND (a.is_baseline OR a.is_executed) AS is_forced, o.status,
           coalesce(jsonb_agg(jsonb_build_object('status', k.status, 'billed_ms', k.document -> 'billed_ms')
                              ORDER BY k.candidate) FILTER (WHERE k.candidate IS NOT NULL), '[]') AS candidates,
           CASE WHEN a.propensity_kind = 'deterministic' OR a.propensity <= 0 THEN 1 ELSE 1 / a.propensity END
               AS weight
    FROM farm.executions e
    JOIN farm.cases c ON c.case_id = e.case_id
    JOIN farm.benches b ON b.bench_id = c.bench_id
    JOIN farm.arms a ON a.arm_id = e.arm_id
    LEFT JOIN farm.outcomes o ON o.execution_id = e.execution_id
    LEFT JOIN farm.candidates k ON k.execution_id = e.execution_id AND k.attempt = coalesce(o.attempt, e.attempt)
    WHERE c.case_id = ANY (:cases) AND (b.race IS NULL OR e.replicate > 0)
    GROUP BY e.execution_id, c.case_id, a.arm_id, o.execution_id
    ORDER BY c.issue_id, a.canonical_rank, e.replicate""")


class CandidateTime(TypedDict):
    """One candidate, in the JSON list of an execution."""

    status: OutcomeStatus
    billed_ms: int
    """On the clock of its budget."""


class ExecutionTimes(NamedTuple):
    """One execution of an arm, with the candidates of its last attempt."""

    issue_id: str
    swarm_id: str
    budget: float
    """In planned minutes."""
    seconds_per_minute: float
    """Real seconds of a planned minute."""
    is_forced: bool
    """Whether every issue got such an arm, so that its budget was no draw."""
    status: OutcomeStatus | None
    candidates: list[CandidateTime]
    weight: float = 1.0
    """1/π of its arm; 1 where it was not drawn by lot."""


class RunTimes:
    """Read-only."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def of(self, case_ids: Sequence[int]) -> list[ExecutionTimes]:
        """The executions of arms of these cases."""
        return read_rows(self._engine, ExecutionTimes, _RUNS, {"cases": list(case_ids)})
