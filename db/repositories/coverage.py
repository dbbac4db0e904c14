"""Counts of the runs and decisions of streams, grouped by the database so that little is read."""

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from db.repositories.streams import DecisionCount
from db.rows import read_rows
from planner.actions import JobType
from planner.documents.statuses import RunStatus

Json = dict[str, Any]

# A run that ended in an error is no evidence about an action; datasets leave such runs out, too.
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


class RunCount(NamedTuple):
    """Scored runs of streams that are alike in all other columns."""

    stability: Json | None
    """Hashes of what a decision depends on, as its policy trace has them."""
    mode: str
    """off, log or enforce."""
    job_type: JobType
    risk: str
    size: str
    executed_plan: Json
    status: RunStatus
    predicted_swarm: str | None
    predicted_budgets: Json | None
    abstains: bool | None
    n: int
    first: datetime
    last: datetime


class EpochDecisionCount(NamedTuple):
    """Decisions of streams that are alike in all other columns."""

    stability: Json | None
    mode: str | None
    reason: str
    abstains: bool | None
    agrees: bool | None
    explored: bool | None
    explorable: bool | None
    """Whether exploration was open to them."""
    n: int

    @property
    def decisions(self) -> DecisionCount:
        """The same without what depends on the epoch."""
        return DecisionCount(self.mode, self.reason, self.abstains, self.agrees, self.explored, self.n)


class CoverageCounts:
    """Counts over all streams of a farm."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def runs(self) -> list[RunCount]:
        """Scored runs by what was asked, predicted and executed, with the first and last start of each kind."""
        return read_rows(self._engine, RunCount, _RUNS)

    def decisions(self) -> list[EpochDecisionCount]:
        """Decisions by epoch and mode, and by whether and why they abstained, agreed or explored."""
        return read_rows(self._engine, EpochDecisionCount, _DECISIONS)
