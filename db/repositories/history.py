"""What the farm knows when a bench is submitted: earlier runs, known baselines, its own load."""

from collections.abc import Sequence
from typing import Any, cast

import sqlalchemy as sa

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


class History:
    """Read-only looks back, as of now."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def recent_runs(self, limit: int = 5000) -> list[dict[str, Any]]:
        """The newest scored executions of arms."""
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(_RECENT_RUNS, {"limit": limit}).mappings()]

    def runs_of(self, case_ids: Sequence[int]) -> list[dict[str, Any]]:
        """The scored executions of arms of these cases."""
        with self._engine.connect() as connection:
            rows = connection.execute(_RUNS_OF, {"cases": list(case_ids)}).mappings()
            return [dict(row) for row in rows]

    def last_actions(self, issue_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The action columns that each issue was last executed with, where known."""
        with self._engine.connect() as connection:
            rows = connection.execute(_LAST_ACTIONS, {"issues": list(issue_ids)}).mappings()
            return {row["issue_id"]: dict(row) for row in rows}

    def load(self) -> dict[str, Any]:
        """Running and ready executions, dollars left today, capabilities of the machines that are there."""
        with self._engine.connect() as connection:
            return dict(connection.execute(_LOAD).mappings().one())

    def toolchain_health(self) -> dict[str, float]:
        """Recent pass rate of each toolchain over its last candidates."""
        with self._engine.connect() as connection:
            return {row.toolchain: row.pass_rate for row in connection.execute(_TOOLCHAIN_HEALTH)}

    def baselines(self, keys: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """What the gates showed on base commits that were checked before."""
        statement = sa.text("SELECT baseline_key, gates FROM farm.baselines WHERE baseline_key = ANY (:keys)")
        with self._engine.connect() as connection:
            rows = connection.execute(statement, {"keys": list(keys)})
            return {row.baseline_key: cast(list[dict[str, Any]], row.gates) for row in rows}
