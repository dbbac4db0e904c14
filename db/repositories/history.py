"""What the farm knows when a bench is submitted: earlier runs, known baselines, its own load."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from db.rows import read_one, read_rows
from planner.actions import JobType
from planner.documents.statuses import RunStatus

Json = dict[str, Any]

_RUNS = """
    SELECT e.execution_id, e.bench_id, c.issue_id, c.job_type, c.issue -> 'tags' AS tags, o.status, o.duration_ms,
           o.budget_ms, o.micro_usd, o.fail_codes, o.gates, o.executed_plan, e.started_at,
           (extract(epoch FROM e.started_at) * 1000)::bigint AS started_ms
    FROM farm.outcomes o
    JOIN farm.executions e USING (execution_id)
    JOIN farm.cases c USING (case_id)
    WHERE e.arm_id IS NOT NULL AND o.status <> 'error'"""
_RECENT_RUNS = sa.text(f"{_RUNS} ORDER BY o.recorded_at DESC, e.execution_id DESC LIMIT :limit")
_RUNS_OF = sa.text(f"{_RUNS} AND c.case_id = ANY (:cases) ORDER BY e.execution_id")
_LAST_ACTIONS = sa.text("""
    SELECT DISTINCT ON (c.issue_id) c.issue_id, a.swarm_id, a.max_candidates, a.max_minutes, a.max_iterations
    FROM farm.cases c
    JOIN farm.executions e USING (case_id)
    JOIN farm.arms a ON a.arm_id = e.arm_id
    JOIN farm.outcomes o USING (execution_id)
    WHERE c.issue_id = ANY (:issues) AND o.status <> 'error'
    ORDER BY c.issue_id, o.recorded_at DESC, e.execution_id DESC""")
_LOAD = sa.text("""
    SELECT (SELECT count(*) FROM farm.executions WHERE state = 'running') AS running,
           (SELECT count(*) FROM farm.executions WHERE state = 'ready') AS ready,
           (SELECT usd_limit - usd_spent - usd_reserved FROM farm.caps WHERE day = farm.today()) AS usd_left_today,
           (SELECT coalesce(array_agg(DISTINCT capability), '{}')
            FROM farm.machines, unnest(capabilities) AS capability
            WHERE seen_at > now() - interval '1 minute' AND NOT suspended) AS capabilities""")
_TOOLCHAIN_HEALTH = sa.text("""
    SELECT round_ ->> 'toolchain' AS toolchain, avg((k.status = 'success')::int)::double precision AS pass_rate
    FROM (SELECT * FROM farm.candidates ORDER BY execution_id DESC LIMIT 1000) k,
         jsonb_array_elements(k.document -> 'rounds') AS round_
    WHERE k.status <> 'error' GROUP BY 1""")


class ScoredRun(NamedTuple):
    """An execution of an arm that has a result."""

    execution_id: int
    bench_id: str
    issue_id: str
    job_type: JobType
    tags: list[str] | None
    status: RunStatus
    duration_ms: int
    budget_ms: int
    micro_usd: int | None
    fail_codes: list[str]
    gates: list[Json]
    executed_plan: Json
    started_at: datetime
    started_ms: int


class LastAction(NamedTuple):
    """The action that an issue was executed with last; None in a budget is the bin NA."""

    issue_id: str
    swarm_id: str
    max_candidates: int | None
    max_minutes: int | None
    max_iterations: int | None


class FarmLoad(NamedTuple):
    """Running and ready executions, micro-dollars left today, capabilities of the machines that are present."""

    running: int
    ready: int
    usd_left_today: int | None
    """None without a daily cap."""
    capabilities: list[str]


class FarmHistory:
    """Read-only queries over all that was recorded so far."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def recent_runs(self, limit: int = 5000) -> list[ScoredRun]:
        """The newest scored executions of arms."""
        return read_rows(self._engine, ScoredRun, _RECENT_RUNS, {"limit": limit})

    def runs_of(self, case_ids: Sequence[int]) -> list[ScoredRun]:
        """The scored executions of arms of these cases."""
        return read_rows(self._engine, ScoredRun, _RUNS_OF, {"cases": list(case_ids)})

    def last_actions(self, issue_ids: Sequence[str]) -> list[LastAction]:
        """The action that each of these issues was executed with last, where it was."""
        return read_rows(self._engine, LastAction, _LAST_ACTIONS, {"issues": list(issue_ids)})

    def load(self) -> FarmLoad:
        """The load of the farm now."""
        return read_one(self._engine, FarmLoad, _LOAD)

    def toolchain_health(self) -> dict[str, float]:
        """Recent pass rate of each toolchain over its last candidates."""
        with self._engine.connect() as connection:
            return {row.toolchain: row.pass_rate for row in connection.execute(_TOOLCHAIN_HEALTH)}

    def baselines(self, keys: Sequence[str]) -> dict[str, list[Json]]:
        """Results of the gates on base commits that were checked before, by baseline key."""
        statement = sa.text("SELECT baseline_key, gates FROM farm.baselines WHERE baseline_key = ANY (:keys)")
        with self._engine.connect() as connection:
            rows = connection.execute(statement, {"keys": list(keys)})
            return {row.baseline_key: row.gates for row in rows}
