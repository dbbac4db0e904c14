"""Run summaries of the farm's finished executions, and nearest-neighbour search for an issue."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from bench.intake.issue import Issue
from db.repositories.history import ScoredRun
from planner.documents.planner_input import RunSummary
from planner.history.run_index import RunIndex
from planner.history.similar import SimilarQuery

Json = dict[str, Any]


def run_summary(row: ScoredRun) -> RunSummary:
    """A scored execution as a `run_summary.v1`."""
    plan = row.executed_plan
    seconds = plan.get("timeout_seconds_executed")
    cost = {} if row.micro_usd is None else {"cost_usd_est": row.micro_usd / 1e6}
    return RunSummary.model_validate(
        {
            "schema_version": "run_summary.v1",
            "run_id": f"x{row.execution_id}",
            "started_ms": row.started_ms,
            "job_type": row.job_type,
            "domain": row.job_type.replace("-", "_"),
            "action_executed": {
                "swarm_id": plan.get("swarm_id_executed"),
                "max_candidates": plan.get("max_candidates_executed"),
                "max_minutes": None if seconds is None else int(seconds // 60),
                "max_iterations": plan.get("max_iterations_executed"),
            },
            "outcome": {
                "status": row.status,
                "fail_codes": list(row.fail_codes),
                "gates": [_gate(gate) for gate in row.gates],
            },
            "runtime": {"duration_ms": row.duration_ms},
            "tags": list(row.tags or []),
            "issue_id": row.issue_id,
            **cost,
        }
    )


def _gate(gate: Mapping[str, Any]) -> Json:
    score = {} if gate.get("score") is None else {"score": float(gate["score"])}
    return {"name": gate["name"], "passed": gate["passed"], **score}


def similar_history(rows: Sequence[ScoredRun], now: datetime) -> Callable[[Issue], list[Json]]:
    """For each issue the eight most similar runs that started before `now`, as documents, newest first."""
    index = RunIndex()
    index.add_many(map(run_summary, rows))
    before = int(now.timestamp() * 1000)

    def similar(issue: Issue) -> list[Json]:
        query = SimilarQuery(issue.job_type, before, issue.tags, issue.id)
        return [run.document() for run in index.query(query)]

    return cast(Callable[[Issue], list[Json]], similar)
