"""Benches: list, progress, cancel, resume, caps."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import cast

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from db.engine import call, transaction
from db.errors import DbError
from db.repositories.bench_rows import (
    BenchListing,
    BenchRow,
    BenchUsage,
    CaseProgress,
    RunningExecution,
    UnjudgedExecutions,
)
from db.repositories.brake import Braked, brake
from db.rows import read_first, read_one, read_rows

_PROGRESS = sa.text("""
    SELECT e.state, count(*) AS n FROM farm.cases c JOIN farm.executions e USING (case_id)
    WHERE c.bench_id = :bench AND e.arm_id IS NOT NULL GROUP BY e.state""")
_CASES = sa.text("""
    SELECT c.case_id, c.issue_id, c.dk_risk, c.dk_size, c.state, c.reason, c.note,
           count(*) FILTER (WHERE e.state = 'pending') AS pending,
           count(*) FILTER (WHERE e.state = 'ready') AS ready,
           count(*) FILTER (WHERE e.state = 'running') AS running,
           count(*) FILTER (WHERE e.state = 'done') AS done,
           count(*) FILTER (WHERE e.state = 'error') AS error,
           count(*) FILTER (WHERE e.state = 'skipped') AS skipped,
           count(*) FILTER (WHERE e.state = 'cancelled') AS cancelled,
           count(*) FILTER (WHERE e.state IN ('skipped', 'cancelled')) AS dropped,
           count(*) FILTER (WHERE o.status = 'success') AS passed,
           count(*) FILTER (WHERE a.is_baseline AND o.status <> 'error' AND confirms) AS baseline_scored,
           count(*) FILTER (WHERE a.is_baseline AND o.status = 'success' AND confirms) AS baseline_passed
    FROM farm.cases c
    JOIN farm.benches b ON b.bench_id = c.bench_id
    LEFT JOIN farm.executions e ON e.case_id = c.case_id AND e.arm_id IS NOT NULL
    LEFT JOIN farm.arms a ON a.arm_id = e.arm_id
    LEFT JOIN farm.outcomes o ON o.execution_id = e.execution_id
    -- The first run of an arm that races decides whether it stays: it confirms nothing.
    CROSS JOIN LATERAL (SELECT b.race IS NULL OR e.replicate > 0 AS confirms) run
    WHERE c.bench_id = :bench GROUP BY c.case_id ORDER BY c.admission_rank""")

_IS_CANCELLED = sa.text("SELECT state = 'cancelled' FROM farm.benches WHERE bench_id = :bench")


@dataclass(frozen=True)
class CapChanges:
    """Caps to replace; None leaves a cap as it is."""

    micro_usd: int | None = None
    ms: int | None = None
    executions: int | None = None


class Benches:
    """Submitted benches."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def list_all(self, limit: int = 50) -> list[BenchListing]:
        """The newest benches first."""
        statement = sa.text("""
            SELECT b.bench_id, b.kind, b.created_at, b.state, b.slice, b.strategy, b.k, b.halt_reason, b.finished_at,
                   (SELECT count(*) FROM farm.cases c WHERE c.bench_id = b.bench_id) AS cases
            FROM farm.benches b ORDER BY b.bench_no DESC LIMIT :limit""")
        return read_rows(self._engine, BenchListing, statement, {"limit": limit})

    def get(self, bench_id: str) -> BenchRow:
        """One bench with its caps; `DbError` where there is none of that name."""
        statement = sa.text("""
            SELECT b.bench_id, b.bench_no, b.created_at, b.config, b.config_hash, b.slice, b.seed, b.k, b.strategy,
                   b.objective, b.tie_break, b.max_retries, b.state, b.halt_reason, b.finished_at, b.kind, b.race,
                   b.stability, k.usd_limit, k.usd_spent, k.usd_reserved, k.usd_overrun, k.ms_limit, k.ms_spent,
                   k.ms_reserved, k.executions_limit, k.executions_spent, k.executions_reserved, b.notes
            FROM farm.benches b JOIN farm.caps k USING (bench_id) WHERE b.bench_id = :bench""")
        row = read_first(self._engine, BenchRow, statement, {"bench": bench_id})
        if row is None:
            raise DbError(f"no bench is named {bench_id!r}; `bench status` lists them")
        return row

    def named_variables(self) -> set[str]:
        """Names of environment variables that the toolchains of unfinished benches name."""
        statement = sa.text("""
            SELECT DISTINCT name FROM farm.benches b JOIN farm.cases c USING (bench_id),
                jsonb_array_elements(c.workcell->'toolchains') toolchain,
                jsonb_array_elements_text(toolchain->'env') name
            WHERE b.state NOT IN ('finished', 'cancelled')""")
        with self._engine.connect() as connection:
            return set(connection.scalars(statement))

    def latest(self) -> str:
        """The id of the newest bench; `DbError` where none was submitted."""
        with self._engine.connect() as connection:
            bench_id = connection.scalar(
                sa.text(
                    "SELECT bench_id FROM farm.benches WHERE kind = 'bench' ORDER BY bench_no DESC LIMIT 1"
                )
            )
        if bench_id is None:
            raise DbError("no bench was submitted yet; start one with: bench submit")
        return cast(str, bench_id)

    def execution_states(self, bench_id: str) -> dict[str, int]:
        """How many executions of arms are in each state."""
        with self._engine.connect() as connection:
            return {row.state: row.n for row in connection.execute(_PROGRESS, {"bench": bench_id})}

    def cases(self, bench_id: str) -> list[CaseProgress]:
        """Each case with its counts, in the order of admission."""
        return read_rows(self._engine, CaseProgress, _CASES, {"bench": bench_id})

    def running(self, bench_id: str) -> list[RunningExecution]:
        """The executions of arms that run now, the oldest first."""
        statement = sa.text("""
            SELECT e.execution_id, c.issue_id, e.attempt, e.machine_id, e.started_at,
                   (1000 * extract(epoch FROM clock_timestamp() - e.started_at))::bigint AS running_ms,
                   e.spent_micro_usd, e.worst_micro_usd AS reserved_micro_usd
            FROM farm.executions e JOIN farm.cases c USING (case_id)
            WHERE e.bench_id = :bench AND e.state = 'running' AND e.arm_id IS NOT NULL
            ORDER BY e.started_at, e.execution_id""")
        return read_rows(self._engine, RunningExecution, statement, {"bench": bench_id})

    def totals(self, bench_id: str) -> BenchUsage:
        """Executions of arms with an outcome, their time, and what they were charged."""
        statement = sa.text("""
            SELECT count(*) AS executions, coalesce(sum(o.duration_ms), 0)::bigint AS duration_ms,
                   (SELECT usd_spent FROM farm.caps k WHERE k.bench_id = :bench) AS charged_micro_usd
            FROM farm.cases c JOIN farm.executions e USING (case_id) JOIN farm.outcomes o USING (execution_id)
            WHERE c.bench_id = :bench AND e.arm_id IS NOT NULL""")
        return read_one(self._engine, BenchUsage, statement, {"bench": bench_id})

    def errors(self, bench_id: str) -> dict[str, int]:
        """Executions that ended in an error, by class; baseline checks too."""
        statement = sa.text("""
            SELECT o.error_class, count(*) AS n
            FROM farm.cases c JOIN farm.executions e USING (case_id) JOIN farm.outcomes o USING (execution_id)
            WHERE c.bench_id = :bench AND o.error_class IS NOT NULL GROUP BY 1 ORDER BY 1""")
        with self._engine.connect() as connection:
            return {row.error_class: row.n for row in connection.execute(statement, {"bench": bench_id})}

    def unjudged(self, bench_id: str) -> list[UnjudgedExecutions]:
        """Executions of arms whose work no gate has judged, counted by issue and reason: errors, and patches that
        could not be taken."""
        statement = sa.text("""
            SELECT c.issue_id, coalesce(o.error_class, o.fail_codes[1]) AS reason, o.message,
                   count(*)::int AS executions, array_agg(e.execution_id ORDER BY e.execution_id) AS execution_ids
            FROM farm.cases c JOIN farm.executions e USING (case_id) JOIN farm.outcomes o USING (execution_id)
            WHERE c.bench_id = :bench AND e.arm_id IS NOT NULL
              AND (o.error_class IS NOT NULL OR o.fail_codes && ARRAY['patch_too_large', 'no_patch']
                   OR o.fail_codes @> ARRAY['unsafe_path', 'not_run'])
            GROUP BY 1, 2, 3 ORDER BY 1, 4 DESC, 2, 3""")
        return read_rows(self._engine, UnjudgedExecutions, statement, {"bench": bench_id})

    def sandboxes(self, bench_id: str) -> dict[str, int]:
        """Executions of arms with an outcome, by the sandbox that their programs ran in."""
        statement = sa.text("""
            SELECT d.document ->> 'sandbox' AS sandbox, count(DISTINCT d.execution_id) AS n
            FROM farm.executions e
            JOIN farm.outcomes o USING (execution_id)
            JOIN farm.candidates d ON d.execution_id = o.execution_id AND d.attempt = o.attempt
            WHERE e.bench_id = :bench AND e.arm_id IS NOT NULL GROUP BY 1 ORDER BY 1""")
        with self._engine.connect() as connection:
            rows = connection.execute(statement, {"bench": bench_id})
            return {row.sandbox or "unknown": row.n for row in rows}

    def cancel(self, bench_id: str) -> int:
        """Cancel what has not run, order running work to stop. Returns the number that still runs."""
        with transaction(self._engine) as connection:
            return cast(
                int, connection.scalar(sa.text("SELECT farm.cancel_bench(:bench)"), {"bench": bench_id})
            )

    def resume(self, bench_id: str, changes: CapChanges) -> int:
        """Replace caps and reopen the bench.

        Returns: how many cases wait again, which the old caps had skipped or whose check had failed.
        Raises: `DbError` where the bench is cancelled, or a new cap is below what is spent and reserved already.
        """
        raise_caps = sa.text("""
            UPDATE farm.caps SET usd_limit = coalesce(:micro_usd, usd_limit), ms_limit = coalesce(:ms, ms_limit),
                                 executions_limit = coalesce(:executions, executions_limit)
            WHERE bench_id = :bench""")
        try:
            with transaction(self._engine) as connection:
                reopened = connection.scalar(sa.text("SELECT farm.resume_bench(:bench)"), {"bench": bench_id})
                if connection.scalar(_IS_CANCELLED, {"bench": bench_id}):
                    raise DbError(
                        f"bench {bench_id} is cancelled, and a cancelled bench cannot be resumed; submit it again: "
                        "bench submit"
                    )
                connection.execute(raise_caps, {"bench": bench_id, **asdict(changes)})
                return cast(int, reopened)
        except IntegrityError as error:
            raise DbError(
                f"bench {bench_id} has spent and reserved more than the new cap; give a higher one"
            ) from error

    def add_notes(self, bench_id: str, notes: Sequence[str]) -> None:
        """Append lines to the notes of a bench. Idempotent: a line that is there is not added again."""
        statement = sa.text("""
            UPDATE farm.benches SET notes = notes || ARRAY(
                SELECT n FROM unnest(CAST(:notes AS text[])) WITH ORDINALITY AS given (n, place)
                WHERE n <> ALL (notes) GROUP BY n ORDER BY min(place))
            WHERE bench_id = :bench""")
        with transaction(self._engine) as connection:
            connection.execute(statement, {"bench": bench_id, "notes": list(notes)})

    def set_daily_cap(self, micro_usd: int | None) -> Braked:
        """The farm-wide dollar cap of a day (UTC), from today on; None lifts it.

        It is enforced at once, also below what is spent and reserved today. Returns what was stopped for that.
        """
        call(self._engine, sa.text("SELECT farm.set_daily_cap(:cap)"), {"cap": micro_usd})
        return brake(self._engine)
