"""Executions, arms and cases, looked up by what people call them."""

from typing import Any, NamedTuple, cast

import sqlalchemy as sa

from db.rows import read_first, read_rows
from db.states import BenchKind, CaseState, ExecutionState


class ExecutionAddress(NamedTuple):
    """An execution with the case and arm that it belongs to."""

    execution_id: int
    bench_id: str
    case_id: int
    issue_id: str
    arm_id: int | None
    """None: the gates of the base commit."""
    state: ExecutionState


class ArmAddress(NamedTuple):
    """An arm with its case; None in a budget is the bin NA."""

    arm_id: int
    bench_id: str
    case_id: int
    issue_id: str
    swarm_id: str
    max_candidates: int | None
    max_minutes: int | None
    max_iterations: int | None


class CaseAddress(NamedTuple):
    """A case with its bench, and its winner where it has one."""

    case_id: int
    bench_id: str
    kind: BenchKind
    issue_id: str
    title: str
    state: CaseState
    reason: str | None
    objective: str
    winner_arm_id: int | None


_EXECUTION = """
    SELECT e.execution_id, e.bench_id, e.case_id, c.issue_id, e.arm_id, e.state
    FROM farm.executions e JOIN farm.cases c USING (case_id)"""
# What has started before what waits, arms before the gates of the base commit.
_STARTED_LAST = "e.started_at DESC, e.execution_id DESC LIMIT 1"
_NEWEST_FIRST = f"ORDER BY e.started_at IS NULL, e.arm_id IS NULL, {_STARTED_LAST}"
_ARM = """
    SELECT a.arm_id, c.bench_id, a.case_id, c.issue_id, a.swarm_id, a.max_candidates, a.max_minutes, a.max_iterations
    FROM farm.arms a JOIN farm.cases c USING (case_id) JOIN farm.benches b USING (bench_id)"""
_OF_BENCH = """
    WHERE c.bench_id = coalesce(
        :bench, (SELECT bench_id FROM farm.benches WHERE kind = 'bench' ORDER BY bench_no DESC LIMIT 1))"""
_NEWEST_ID = {
    "x": sa.text("SELECT max(execution_id) FROM farm.executions"),
    "a": sa.text("SELECT max(arm_id) FROM farm.arms"),
    "c": sa.text("SELECT max(case_id) FROM farm.cases"),
}
_CASE = """
    SELECT c.case_id, c.bench_id, b.kind, c.issue_id, coalesce(c.issue ->> 'title', '') AS title, c.state, c.reason,
           b.objective, v.winner_arm_id
    FROM farm.cases c JOIN farm.benches b USING (bench_id) LEFT JOIN farm.verdicts v USING (case_id)"""
_RUNNING = "AND e.state = 'running'"
_PASSED_FIRST = (
    "ORDER BY o.status IS DISTINCT FROM 'success', o.status IS NULL, e.replicate, e.execution_id LIMIT 1"
)


class References:
    """Look-ups by id, and the newest of an issue."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def execution(self, execution_id: int) -> ExecutionAddress | None:
        """The execution of this id."""
        return self._execution("WHERE e.execution_id = :id", id=execution_id)

    def newest_of_case(self, case_id: int) -> ExecutionAddress | None:
        """The execution of a case that started last."""
        return self._execution(f"WHERE e.case_id = :id {_NEWEST_FIRST}", id=case_id)

    def unfinished_of_case(self, case_id: int) -> ExecutionAddress | None:
        """The execution of an arm that runs, the one that started last; else one that waits."""
        condition = (
            "WHERE e.case_id = :id AND e.arm_id IS NOT NULL AND e.state IN ('running', 'ready', 'pending')"
        )
        return self._execution(f"{condition} ORDER BY e.state <> 'running', {_STARTED_LAST}", id=case_id)

    def best_of_arm(self, arm_id: int) -> ExecutionAddress | None:
        """The passing execution of an arm with the lowest replicate; where none passed, the first with an outcome."""
        joined = "LEFT JOIN farm.outcomes o USING (execution_id)"
        return self._execution(f"{joined} WHERE e.arm_id = :id {_PASSED_FIRST}", id=arm_id)

    def newest(self, *, running: bool = False) -> ExecutionAddress | None:
        """The execution of an arm that started last; with `running`, of those that run now."""
        condition = "WHERE e.arm_id IS NOT NULL AND e.started_at IS NOT NULL"
        return self._execution(f"{condition} {_RUNNING * running} {_NEWEST_FIRST}")

    def newest_executions(self, limit: int) -> list[ExecutionAddress]:
        """Executions of arms, the newest first."""
        statement = f"{_EXECUTION} WHERE e.arm_id IS NOT NULL ORDER BY e.execution_id DESC LIMIT :limit"
        return read_rows(self._engine, ExecutionAddress, sa.text(statement), {"limit": limit})

    def arm(self, arm_id: int) -> ArmAddress | None:
        """The arm of this id."""
        return read_first(self._engine, ArmAddress, sa.text(f"{_ARM} WHERE a.arm_id = :id"), {"id": arm_id})

    def arms(self, bench_id: str | None = None, case_id: int | None = None) -> list[ArmAddress]:
        """The arms of a bench (the newest unless given) or of a case, in canonical order."""
        condition = _OF_BENCH if case_id is None else "WHERE a.case_id = :case"
        statement = f"{_ARM} {condition} ORDER BY c.issue_id, a.canonical_rank"
        return read_rows(self._engine, ArmAddress, sa.text(statement), {"case": case_id, "bench": bench_id})

    def case(self, case_id: int) -> CaseAddress | None:
        """The case of this id."""
        return read_first(
            self._engine, CaseAddress, sa.text(f"{_CASE} WHERE c.case_id = :id"), {"id": case_id}
        )

    def newest_case(self, issue_id: str, bench_id: str | None = None) -> CaseAddress | None:
        """The newest case of an issue, of a bench or of all."""
        statement = f"""{_CASE}
            WHERE c.issue_id = :issue AND (CAST(:bench AS text) IS NULL OR c.bench_id = :bench)
            ORDER BY b.bench_no DESC, c.case_id DESC LIMIT 1"""
        return read_first(
            self._engine, CaseAddress, sa.text(statement), {"issue": issue_id, "bench": bench_id}
        )

    def issue_ids(self, limit: int = 5000) -> list[str]:
        """Issues that have cases, then imported ones."""
        statement = """
            SELECT issue_id FROM (SELECT issue_id, max(case_id) AS newest FROM farm.cases GROUP BY issue_id
                                  UNION ALL SELECT issue_id, 0 FROM farm.issues) named
            GROUP BY issue_id ORDER BY max(newest) DESC, issue_id LIMIT :limit"""
        with self._engine.connect() as connection:
            return list(connection.scalars(sa.text(statement), {"limit": limit}))

    def newest_id(self, letter: str) -> int | None:
        """The highest id of executions (x), arms (a) or cases (c)."""
        with self._engine.connect() as connection:
            return cast(int | None, connection.scalar(_NEWEST_ID[letter]))

    def _execution(self, condition: str, **values: Any) -> ExecutionAddress | None:
        return read_first(self._engine, ExecutionAddress, sa.text(f"{_EXECUTION} {condition}"), values)
