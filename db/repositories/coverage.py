"""What streams ran and how it was decided, counted: the database groups, so that little is read."""

from typing import Any

import sqlalchemy as sa

# Runs that ended in an error say nothing about a way of working; datasets leave them out, too.
_RUNS = sa.text("""
    SELECT c.decision #> '{policy_trace,stability}' AS stability, c.decision #>> '{policy_trace,policy_mode}' AS mode,
           c.job_type, c.dk_risk AS risk, c.dk_size AS size, o.executed_plan, o.status,
           c.decision #>> '{planner_action,swarm_id}' AS predicted_swarm,
           c.decision #> '{planner_action,budgets}' AS predicted_budgets,
           (c.decision #>> '{planner_action,abstain_to_default}')::boolean AS abstains,
           count(*) AS n, min(e.started_at) AS first, max(e.started_at) AS last
    FROM farm.benches b
    JOIN farm.cases c USING (bench_id)
    JOIN farm.executions e USING (case_id)
    JOIN farm.outcomes o USING (execution_id)
    WHERE b.kind = 'stream' AND e.arm_id IS NOT NULL AND o.status <> 'error'
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10""")
_DECISIONS = sa.text("""
    SELECT c.decision #> '{policy_trace,stability}' AS stability,
           c.decision #>> '{policy_trace,policy_mode}' AS mode,
           -- Figures in a reason would make every one of them a reason of its own.
           regexp_replace(coalesce(c.decision #>> '{planner_action,reason}', ''), 'low_confidence[0-9._]*',
                          'low_confidence', 'g') AS reason,
           (c.decision #>> '{planner_action,abstain_to_default}')::boolean AS abstains,
           (c.decision ->> 'agrees')::boolean AS agrees,
           (c.decision ->> 'explored')::boolean AS explored,
           (c.decision #>> '{policy_trace,exploration,enabled}')::boolean AS explorable, count(*) AS n
    FROM farm.benches b JOIN farm.cases c USING (bench_id)
    WHERE b.kind = 'stream' AND c.decision IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5, 6, 7""")


class CoverageCounts:
    """Counts over all streams of a farm."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def runs(self) -> list[dict[str, Any]]:
        """Scored runs by what was asked, predicted and executed, with the first and last start of each kind."""
        return self._rows(_RUNS)

    def decisions(self) -> list[dict[str, Any]]:
        """Decisions by epoch and mode, and by whether and why they abstained, agreed or explored."""
        return self._rows(_DECISIONS)

    def _rows(self, statement: sa.TextClause) -> list[dict[str, Any]]:
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]
