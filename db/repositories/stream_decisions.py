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
