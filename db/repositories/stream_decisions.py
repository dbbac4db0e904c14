"""Logged decisions of a stream: what was drawn, with which propensity, and what became of the run."""

from typing import Any, NamedTuple

import sqlalchemy as sa

from db.rows import read_rows
from db.states import CaseState
from planner.actions import JobType

Json = dict[str, Any]

# The draw depends on input and seed alone, so the same input in an earlier stream with the same seed drew the same u.
_DECISIONS = sa.text("""
    SELECT c.case_id, c.issue_id, c.state, c.run_no, c.job_type, c.decision, a.canonical_rank, a.propensity,
           a.planned ->> 'fallback_reason' AS reduction,
           coalesce(e.finished, false) AS ran_before, coalesce(e.drawn, false) AS repeats_a_draw
    FROM farm.benches b
    JOIN farm.cases c USING (bench_id)
    JOIN farm.arms a USING (case_id)
    LEFT JOIN LATERAL (
        SELECT bool_or(p.state = 'finished') AS finished,
               bool_or(p.input_hash = c.input_hash
                       AND p.decision #> '{policy_trace,exploration,u}'
                           = c.decision #> '{policy_trace,exploration,u}') AS drawn
        FROM farm.benches s JOIN farm.cases p USING (bench_id)
        WHERE s.kind = 'stream' AND s.bench_no < b.bench_no AND p.issue_id = c.issue_id) e ON true
    WHERE c.bench_id = :bench ORDER BY c.admission_rank""")

_NEWEST = sa.text("""
    SELECT c.case_id, c.issue_id, c.run_no, c.state, d.policy_mode, d.policy_id,
           c.decision #>> '{planner_action,reason}' AS reason,
           c.decision ->> 'held_back' AS held_back,
           (c.decision #>> '{planner_action,confidence}')::double precision AS confidence,
           (c.decision #>> '{planner_action,abstain_to_default}')::boolean AS abstains,
           (c.decision ->> 'agrees')::boolean AS agrees, d.is_explored, d.propensity,
           a.planned, d.execution_ids
    FROM farm.cases c JOIN farm.arms a USING (case_id) JOIN report.stream_decisions d USING (case_id)
    WHERE c.bench_id = :bench ORDER BY c.admission_rank DESC LIMIT :limit""")


class RecentDecision(NamedTuple):
    """One decision of a stream, with why it was made and what was asked of the planner."""

    case_id: int
    issue_id: str
    run_no: int
    state: CaseState
    policy_mode: str | None
    policy_id: str | None
    reason: str | None
    """Why the planner abstained; None where it did not."""
    held_back: str | None
    """Why the planner's action did not run; None where it ran."""
    confidence: float | None
    abstains: bool | None
    agrees: bool | None
    """Whether the action that ran is the predicted one."""
    is_explored: bool
    propensity: float
    planned: Json
    """The action as it was run."""
    execution_ids: list[int] | None


class StreamDecision(NamedTuple):
    """One decision of a stream, with the action that was drawn."""

    case_id: int
    issue_id: str
    state: CaseState
    run_no: int
    job_type: JobType
    decision: Json | None
    """The record of the decision: planner_action, policy_trace, and whether it is enforced and explored."""
    canonical_rank: int
    """Of the drawn action."""
    propensity: float
    reduction: str | None
    """Why fewer candidates or minutes than drawn were run; None where the action ran as drawn."""
    ran_before: bool
    """Whether the issue had a finished run in an earlier stream."""
    repeats_a_draw: bool
    """Whether an earlier stream drew for the same input with the same seed, so that the result was known."""


class StreamDecisions:
    """Reads the decisions of streams."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def of(self, bench_id: str) -> list[StreamDecision]:
        """All decisions of a stream, in the order in which they were made."""
        return read_rows(self._engine, StreamDecision, _DECISIONS, {"bench": bench_id})

    def newest(self, bench_id: str, limit: int) -> list[RecentDecision]:
        """The newest decisions of a stream, the newest first."""
        return read_rows(self._engine, RecentDecision, _NEWEST, {"bench": bench_id, "limit": limit})
