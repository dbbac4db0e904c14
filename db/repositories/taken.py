"""Executions whose patch is taken into a repository, with the facts that a commit names."""

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from db.rows import read_first, read_rows

Json = dict[str, Any]
_COLUMNS = """
    c.case_id, c.bench_id, c.issue_id, coalesce(c.issue ->> 'title', '') AS title, c.workcell, e.execution_id,
    a.swarm_id, a.max_candidates, a.max_minutes, a.max_iterations, o.status, o.duration_ms, o.micro_usd, o.gates,
    coalesce(d.document -> 'rounds', '[]') AS rounds,
    coalesce(d.document -> 'patch_redacted' = 'true', false) AS patch_redacted, o.recorded_at
    FROM farm.executions e JOIN farm.cases c USING (case_id) JOIN farm.arms a USING (arm_id)
    JOIN farm.outcomes o USING (execution_id)
    LEFT JOIN farm.candidates d ON d.execution_id = o.execution_id AND d.attempt = o.attempt AND d.candidate = o.chosen
    """
_ONE = sa.text(f"SELECT {_COLUMNS} WHERE e.execution_id = :execution")
_OF_CASE = sa.text(f"SELECT {_COLUMNS} WHERE c.case_id = :case ORDER BY a.canonical_rank, e.replicate")


class TakenExecution(NamedTuple):
    """A finished execution of an arm."""

    case_id: int
    bench_id: str
    issue_id: str
    title: str
    workcell: Json
    execution_id: int
    swarm_id: str
    max_candidates: int | None
    max_minutes: int | None
    max_iterations: int | None
    status: str
    duration_ms: int
    micro_usd: int | None
    gates: list[Json]
    rounds: list[Json]
    """Of the candidate that won the vote."""
    patch_redacted: bool
    """Whether its stored patch differs from the judged one: a secret of the worker was redacted."""
    recorded_at: datetime


class TakenExecutions:
    """Reads finished executions."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def get(self, execution_id: int) -> TakenExecution | None:
        """The execution; None where it is missing, unfinished, or runs gates alone."""
        return read_first(self._engine, TakenExecution, _ONE, {"execution": execution_id})

    def of_case(self, case_id: int) -> list[TakenExecution]:
        """The finished executions of a case, by action and replicate."""
        return read_rows(self._engine, TakenExecution, _OF_CASE, {"case": case_id})
