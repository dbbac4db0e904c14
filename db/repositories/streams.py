"""Streams: benches whose cases come one by one. What a scheduler asks of the truth."""

from collections.abc import Sequence
from typing import Any, cast

import sqlalchemy as sa

from db.engine import transaction

_CURRENT = sa.text("""
    SELECT bench_id, config_hash FROM farm.benches WHERE kind = 'stream' AND state IN ('open', 'halted')
    ORDER BY bench_no DESC LIMIT 1""")
_NEWEST = sa.text("SELECT bench_id FROM farm.benches WHERE kind = 'stream' ORDER BY bench_no DESC LIMIT 1")
# Per issue, over all streams: how often it ran, with what, and when it was solved last.
_PAST = sa.text("""
    SELECT c.issue_id, count(*) AS runs, max(c.finished_at) AS last_finished,
           max(c.finished_at) FILTER (WHERE v.winner_arm_id IS NOT NULL) AS solved_at,
           max(c.finished_at) FILTER (WHERE c.state = 'invalid') AS invalid_at
    FROM farm.benches b JOIN farm.cases c USING (bench_id) LEFT JOIN farm.verdicts v USING (case_id)
    WHERE b.kind = 'stream' AND c.state IN ('finished', 'invalid')
      AND (CAST(:cases AS bigint[]) IS NULL OR c.case_id = ANY (:cases))
    GROUP BY c.issue_id""")
_OPEN_RUNS = sa.text("""
    SELECT c.case_id, c.issue_id, c.state, c.reason, c.decision, a.planned,
           (SELECT e.state FROM farm.executions e WHERE e.case_id = c.case_id AND e.arm_id = a.arm_id LIMIT 1)
               AS execution_state
    FROM farm.benches b JOIN farm.cases c USING (bench_id) JOIN farm.arms a USING (case_id)
    WHERE b.kind = 'stream' AND b.state IN ('open', 'halted') AND c.state IN ('checking', 'pending', 'admitted')
    ORDER BY b.bench_no, c.admission_rank""")
_NEXT_RANK = sa.text("SELECT coalesce(max(admission_rank), -1) + 1 FROM farm.cases WHERE bench_id = :bench")
_RUN_NUMBERS = sa.text("""
    SELECT issue_id, max(run_no) + 1 AS next FROM farm.cases
    WHERE bench_id = :bench AND issue_id = ANY (:issues) GROUP BY issue_id""")
_REASONS = sa.text("""
    SELECT c.decision -> 'policy_trace' ->> 'policy_mode' AS mode,
           coalesce(c.decision -> 'planner_action' ->> 'reason', '') AS reason,
           (c.decision -> 'planner_action' ->> 'abstain_to_default')::boolean AS abstains,
           (c.decision ->> 'agrees')::boolean AS agrees,
           (c.decision ->> 'explored')::boolean AS explored, count(*) AS n
    FROM farm.cases c WHERE c.bench_id = :bench GROUP BY 1, 2, 3, 4, 5""")
_BACKLOG = sa.text("SELECT issue_id, document, imported_at, source FROM farm.issues ORDER BY issue_id")
# The sum, not the latest: an import may be committed after one that began later. An issue may come from another
# source without a change, which is then trusted otherwise.
_BACKLOG_STAMP = sa.text("""
    SELECT concat_ws(' ', sum(extract(epoch FROM imported_at)), count(*), sum(hashtext(issue_id || ' ' || source)))
    FROM farm.issues""")


class Streams:
    """Reads and closes streams; their cases are written by `Plans`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def current(self) -> tuple[str, str] | None:
        """Id and config hash of the stream that is not over; None where there is none."""
        with self._engine.connect() as connection:
            row = connection.execute(_CURRENT).first()
        return None if row is None else (row.bench_id, row.config_hash)

    def current_config(self) -> dict[str, Any] | None:
        """The config of the stream that is not over; None where there is none."""
        statement = sa.text("""
            SELECT config FROM farm.benches WHERE kind = 'stream' AND state IN ('open', 'halted')
            ORDER BY bench_no DESC LIMIT 1""")
        with self._engine.connect() as connection:
            return cast("dict[str, Any] | None", connection.scalar(statement))

    def newest(self) -> str | None:
        """Id of the newest stream, over or not; None where there never was one."""
        with self._engine.connect() as connection:
            return cast("str | None", connection.scalar(_NEWEST))

    def state(self, bench_id: str) -> tuple[str, str | None]:
        """State of a stream and, where it is halted, why."""
        statement = sa.text("SELECT state, halt_reason FROM farm.benches WHERE bench_id = :bench")
        with self._engine.connect() as connection:
            row = connection.execute(statement, {"bench": bench_id}).one()
        return row.state, row.halt_reason

    def standing(self) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
        """`open_runs` and what all other runs came to, by issue, at one moment: no run is in both or in neither."""
        with self._engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            runs = [dict(row) for row in connection.execute(_OPEN_RUNS).mappings()]
            return runs, _by_issue(connection.execute(_PAST, {"cases": None}))

    def past(self, case_ids: Sequence[int] | None = None) -> dict[str, dict[str, Any]]:
        """By issue: finished `runs`, `last_finished`, `solved_at`, `invalid_at`; of these cases only, where given."""
        cases = None if case_ids is None else list(case_ids)
        with self._engine.connect() as connection:
            return _by_issue(connection.execute(_PAST, {"cases": cases}))

    def open_runs(self) -> list[dict[str, Any]]:
        """Runs that are not over, of this stream and of any before it, in the order of admission."""
        return self._rows(_OPEN_RUNS, {})

    def next_rank(self, bench_id: str) -> int:
        """The admission rank of the next case."""
        with self._engine.connect() as connection:
            return cast(int, connection.scalar(_NEXT_RANK, {"bench": bench_id}))

    def run_numbers(self, bench_id: str, issue_ids: Sequence[str]) -> dict[str, int]:
        """The number of the next run of each issue that ran in this stream before."""
        with self._engine.connect() as connection:
            rows = connection.execute(_RUN_NUMBERS, {"bench": bench_id, "issues": list(issue_ids)})
            return {row.issue_id: row.next for row in rows}

    def decisions(self, bench_id: str) -> list[dict[str, Any]]:
        """Counts of decisions by mode, reason, and whether they abstained, agreed with what ran, or explored."""
        return self._rows(_REASONS, {"bench": bench_id})

    def backlog(self) -> list[dict[str, Any]]:
        """All imported issues with the time of the import that changed them last, and the source of the last one."""
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(_BACKLOG).mappings()]

    def backlog_stamp(self) -> str:
        """Changes whenever an import changes the backlog."""
        with self._engine.connect() as connection:
            return str(connection.scalar(_BACKLOG_STAMP))

    def finish_drained(self, but: str | None = None) -> list[str]:
        """Close the open streams whose runs are all over, all or all `but` one; their ids."""
        statement = sa.text("""
            UPDATE farm.benches b SET state = 'finished', finished_at = now()
            WHERE kind = 'stream' AND state = 'open' AND bench_id IS DISTINCT FROM :but AND NOT EXISTS (
                SELECT FROM farm.cases c
                WHERE c.bench_id = b.bench_id AND c.state IN ('checking', 'pending', 'admitted'))
            RETURNING bench_id""")
        with transaction(self._engine) as connection:
            return list(connection.scalars(statement, {"but": but}))

    def _rows(self, statement: sa.TextClause, values: dict[str, Any]) -> list[dict[str, Any]]:
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(statement, values).mappings()]


def _by_issue(rows: sa.CursorResult[Any]) -> dict[str, dict[str, Any]]:
    return {row["issue_id"]: dict(row) for row in rows.mappings()}
