"""Finished cases: the outcomes a winner is chosen from, and the verdict that is kept."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from db.engine import transaction
from db.repositories.verdict_rows import (
    CaseDemand,
    CaseRows,
    LargestRun,
    MixedKill,
    StoredArm,
    StoredCase,
    StoredExecution,
)
from db.rows import read_rows, row_of_document, rows_of
from db.states import ErrorClass


@dataclass(frozen=True)
class NewVerdict:
    """The winner of a case. `weights` maps the ids (as text) of the arms that tie with it to equal shares."""

    winner_arm_id: int | None
    winner_value: float | None
    tie_size: int
    weights: dict[str, float]


_CASES = sa.text("""
    SELECT c.case_id, c.bench_id, c.issue_id, c.job_type, c.dk_risk, c.dk_size, c.planner_input, c.input_hash,
           c.workcell, c.state, c.finished_at, c.design, b.objective, b.tie_break, b.config, b.seed, b.k, b.strategy,
           b.config_hash
    FROM farm.cases c JOIN farm.benches b USING (bench_id) WHERE c.case_id = ANY (:cases) ORDER BY c.case_id""")
_ARMS = sa.text("""
    SELECT a.arm_id, a.case_id, a.swarm_id, a.max_candidates, a.max_minutes, a.max_iterations, a.canonical_rank,
           a.strategy, a.strategy_version, a.propensity, a.propensity_kind, a.stratum, a.is_baseline, a.is_executed,
           coalesce(jsonb_agg(jsonb_build_object(
               'execution_id', e.execution_id, 'replicate', e.replicate, 'state', e.state, 'status', o.status,
               'error_class', o.error_class, 'duration_ms', o.duration_ms,
               'provider_wait_ms', o.provider_wait_ms, 'micro_usd', o.micro_usd,
               'charged_micro_usd', o.charged_micro_usd, 'fail_codes', to_jsonb(o.fail_codes),
               'gate_score', o.gate_score, 'gates', o.gates,
               'sandbox', (SELECT min(d.document ->> 'sandbox') FROM farm.candidates d
                           WHERE d.execution_id = o.execution_id AND d.attempt = o.attempt),
               'recorded_at', farm.rfc3339(o.recorded_at),
               'spent_micro_usd', (SELECT coalesce(sum(s.spent_micro_usd), 0) FROM report.attempt_spend s
                                   WHERE s.execution_id = e.execution_id)) ORDER BY e.replicate)
               FILTER (WHERE e.execution_id IS NOT NULL), '[]') AS executions
    FROM farm.arms a
    LEFT JOIN farm.executions e ON e.arm_id = a.arm_id AND e.case_id = a.case_id
    LEFT JOIN farm.outcomes o ON o.execution_id = e.execution_id
    WHERE a.case_id = ANY (:cases) GROUP BY a.arm_id ORDER BY a.case_id, a.canonical_rank""")


_DEMANDS = sa.text("""
    SELECT e.case_id,
           sum(e.worst_micro_usd)::bigint AS worst_micro_usd, sum(e.worst_ms)::bigint AS worst_ms,
           count(*)::int AS executions, coalesce(sum(l.micro_usd), 0)::bigint AS micro_usd,
           coalesce(sum(l.ms), 0)::bigint AS ms
    FROM farm.executions e
    LEFT JOIN LATERAL (SELECT sum(micro_usd) AS micro_usd, sum(ms) AS ms FROM farm.ledger
                       WHERE execution_id = e.execution_id AND kind IN ('settle', 'refund')) l ON true
    WHERE e.case_id = ANY (:cases) AND e.arm_id IS NOT NULL
    GROUP BY e.case_id ORDER BY e.case_id""")


_LARGEST = sa.text("""
    SELECT coalesce(max(worst_micro_usd), 0)::bigint AS micro_usd, coalesce(max(worst_ms), 0)::bigint AS ms
    FROM farm.executions WHERE case_id = ANY (:cases) AND arm_id IS NOT NULL""")
_MIXED_KILLS = sa.text("""
    SELECT o.execution_id, min(d.error_class) AS error_class
    FROM farm.executions e
    JOIN farm.outcomes o ON o.execution_id = e.execution_id AND o.error_class = 'killed_by_cap'
    JOIN farm.candidates d ON d.execution_id = o.execution_id AND d.attempt = o.attempt
        AND d.error_class <> 'killed_by_cap'
    WHERE e.case_id = ANY (:cases) GROUP BY o.execution_id ORDER BY o.execution_id""")


class Verdicts:
    """Outcomes of finished cases, and their stored winners."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def load(self, case_ids: Sequence[int]) -> list[CaseRows]:
        """The cases with their arms and executions, by case id."""
        values = {"cases": list(case_ids)}
        with self._engine.connect() as connection:
            cases = rows_of(StoredCase, connection.execute(_CASES, values))
            arms = rows_of(StoredArm, connection.execute(_ARMS, values), executions=_executions)
        by_case: defaultdict[int, list[StoredArm]] = defaultdict(list)
        for arm in arms:
            by_case[arm.case_id].append(arm)
        return [CaseRows(case, by_case[case.case_id]) for case in cases]

    def demands(self, case_ids: Sequence[int]) -> list[CaseDemand]:
        """What each case needs and used, by case id."""
        return read_rows(self._engine, CaseDemand, _DEMANDS, {"cases": list(case_ids)})

    def largest_run(self, case_ids: Sequence[int]) -> LargestRun:
        """The largest reservations of the executions of these cases."""
        (row,) = read_rows(self._engine, LargestRun, _LARGEST, {"cases": list(case_ids)})
        return row

    def mixed_kills(self, case_ids: Sequence[int]) -> dict[int, ErrorClass]:
        """Executions killed by their cap of which another candidate was lost for another reason, with that reason.

        Without that loss they might have passed: they are no failures of the cap alone.
        """
        rows = read_rows(self._engine, MixedKill, _MIXED_KILLS, {"cases": list(case_ids)})
        return {row.execution_id: row.error_class for row in rows}

    def bench_ids(self) -> list[str]:
        """Benches with at least one verdict, by id. A stream tries one arm a case: its verdicts label nothing."""
        statement = sa.text("""
            SELECT DISTINCT c.bench_id FROM farm.cases c JOIN farm.verdicts USING (case_id)
            JOIN farm.benches b ON b.bench_id = c.bench_id WHERE b.kind = 'bench' ORDER BY 1""")
        with self._engine.connect() as connection:
            return list(connection.scalars(statement))

    def finished_cases(self, bench_id: str) -> list[int]:
        """Cases of a bench that have a verdict."""
        statement = sa.text("""
            SELECT case_id FROM farm.cases JOIN farm.verdicts USING (case_id)
            WHERE bench_id = :bench ORDER BY issue_id""")
        with self._engine.connect() as connection:
            return list(connection.scalars(statement, {"bench": bench_id}))

    def store(self, case_id: int, objective: str, verdict: NewVerdict) -> None:
        """Store the verdict and close the case. Idempotent: a stored verdict is never replaced."""
        with transaction(self._engine) as connection:
            connection.execute(
                sa.text("""
                    INSERT INTO farm.verdicts (case_id, winner_arm_id, objective, winner_value, tie_size, weights)
                    VALUES (:case, :arm, :objective, :value, :ties, CAST(:weights AS jsonb))
                    ON CONFLICT DO NOTHING"""),
                {
                    "case": case_id,
                    "arm": verdict.winner_arm_id,
                    "objective": objective,
                    "value": verdict.winner_value,
                    "ties": verdict.tie_size,
                    "weights": json.dumps(verdict.weights),
                },
            )
            connection.execute(
                sa.text("""
                    UPDATE farm.cases SET state = 'finished', finished_at = now()
                    WHERE case_id = :case AND state = 'admitted' AND open_executions = 0"""),
                {"case": case_id},
            )


def _executions(documents: list[dict[str, Any]]) -> list[StoredExecution]:
    return [row_of_document(StoredExecution, document) for document in documents]
