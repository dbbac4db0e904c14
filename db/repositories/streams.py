"""Streams: benches whose cases are added one by one. What a scheduler asks of the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

import sqlalchemy as sa

from db.engine import transaction
from db.rows import read_rows, rows_of
from db.states import BenchState, CaseState, ExecutionState

Json = dict[str, Any]

_CURRENT = sa.text("""
    SELECT bench_id, config_hash FROM farm.benches WHERE kind = 'stream' AND state IN ('open', 'halted')
    ORDER BY bench_no DESC LIMIT 1""")
_NEWEST = sa.text("SELECT bench_id FROM farm.benches WHERE kind = 'stream' ORDER BY bench_no DESC LIMIT 1")
# Per issue, over all streams: how often it ran, with what, and when it was solved last.
_PAST = sa.text("""
    SELECT c.issue_id, count(*) FILTER (WHERE c.state <> 'error') AS runs, max(c.finished_at) AS last_finished,
           max(c.finished_at) FILTER (WHERE v.winner_arm_id IS NOT NULL) AS solved_at,
           max(c.finished_at) FILTER (WHERE c.state = 'invalid') AS invalid_at,
           max(c.finished_at) FILTER (WHERE c.state = 'error') AS failed_at,
           (array_agg(c.bench_id ORDER BY c.finished_at DESC) FILTER (WHERE c.state = 'error'))[1] AS failed_in,
           (array_agg(c.reason ORDER BY c.finished_at DESC) FILTER (WHERE c.state = 'error'))[1] AS failed_why
    FROM farm.benches b JOIN farm.cases c USING (bench_id) LEFT JOIN farm.verdicts v USING (case_id)
    WHERE b.kind = 'stream' AND c.state IN ('finished', 'invalid', 'error')
      AND (CAST(:cases AS bigint[]) IS NULL OR c.case_id = ANY (:cases))
    GROUP BY c.issue_id""")
_OPEN_RUNS = sa.text("""
    SELECT c.case_id, c.issue_id, c.state, c.reason, c.decision, a.planned,
           (SELECT e.state FROM farm.executions e WHERE e.case_id = c.case_id AND e.arm_id = a.arm_id LIMIT 1)
               AS execution_state
    FROM farm.benches b JOIN farm.cases c USING (bench_id) JOIN farm.arms a USING (case_id)
    WHERE b.kind = 'stream' AND b.state IN ('open', 'halted') AND c.state IN ('checking', 'pending', 'admitted')
    ORDER BY b.bench_no, c.admission_rank""")
# A case of a stream has one arm; of several executions the last one counts, and the money of all.
_ENDS = sa.text("""
    SELECT DISTINCT ON (e.case_id) e.case_id, e.execution_id, coalesce(o.error_class, o.fail_codes[1]) AS reason,
           (SELECT sum(s.spent_micro_usd)::bigint
            FROM farm.executions x JOIN report.attempt_spend s USING (execution_id)
            WHERE x.case_id = e.case_id) AS spent_micro_usd
    FROM farm.executions e LEFT JOIN farm.outcomes o USING (execution_id)
    WHERE e.case_id = ANY (CAST(:cases AS bigint[])) AND e.arm_id IS NOT NULL
    ORDER BY e.case_id, e.execution_id DESC""")
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


class OpenRun(NamedTuple):
    """A run of a stream that is not over."""

    case_id: int
    issue_id: str
    state: CaseState
    reason: str | None
    decision: Json | None
    planned: Json
    execution_state: ExecutionState | None


class PastRuns(NamedTuple):
    """Finished runs of one issue in streams."""

    issue_id: str
    runs: int
    last_finished: datetime | None
    solved_at: datetime | None
    invalid_at: datetime | None
    failed_at: datetime | None = None
    """When the environment of a run failed last, before anything ran."""
    failed_in: str | None = None
    """The stream of that run."""
    failed_why: str | None = None


class RunEnd(NamedTuple):
    """How a run ended."""

    case_id: int
    execution_id: int
    reason: str | None
    """The class of its error, or the first of its failure codes; None where it solved the issue or never ran."""
    spent_micro_usd: int | None
    """Of all executions of the case; None where none was over."""


class DecisionCount(NamedTuple):
    """Decisions of a stream that are alike in all other columns."""

    mode: str | None
    """off, log or enforce."""
    reason: str
    """Why the planner abstained, comma-separated; empty where it did not."""
    abstains: bool | None
    agrees: bool | None
    """Whether the same ran as the planner had decided."""
    explored: bool | None
    n: int


class BacklogIssue(NamedTuple):
    """An imported issue."""

    issue_id: str
    document: Json
    imported_at: datetime
    """Time of the import that changed it last."""
    source: str
    """The file of the last import that named it."""


class StreamListing(NamedTuple):
    """One line of the list of streams."""

    bench_id: str
    state: BenchState
    halt_reason: str | None
    created_at: datetime
    finished_at: datetime | None
    slice: str
    runs: int
    running: int
    """Runs that are not over."""


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
        """Id of the newest stream, finished or not; None where there is none."""
        with self._engine.connect() as connection:
            return cast("str | None", connection.scalar(_NEWEST))

    def list_all(self, limit: int) -> list[StreamListing]:
        """The newest streams first."""
        statement = sa.text("""
            SELECT b.bench_id, b.state, b.halt_reason, b.created_at, b.finished_at, b.slice,
                   (SELECT count(*) FROM farm.cases c WHERE c.bench_id = b.bench_id) AS runs,
                   (SELECT count(*) FROM farm.cases c WHERE c.bench_id = b.bench_id
                    AND c.state IN ('checking', 'pending', 'admitted')) AS running
            FROM farm.benches b WHERE b.kind = 'stream' ORDER BY b.bench_no DESC LIMIT :limit""")
        return read_rows(self._engine, StreamListing, statement, {"limit": limit})

    def state(self, bench_id: str) -> tuple[BenchState, str | None]:
        """State of a stream and, where it is halted, why."""
        statement = sa.text("SELECT state, halt_reason FROM farm.benches WHERE bench_id = :bench")
        with self._engine.connect() as connection:
            row = connection.execute(statement, {"bench": bench_id}).one()
        return row.state, row.halt_reason

    def snapshot(self) -> tuple[list[OpenRun], list[PastRuns]]:
        """Open and finished runs in one snapshot: no run is in both or in neither."""
        with self._engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            runs = rows_of(OpenRun, connection.execute(_OPEN_RUNS))
            return runs, rows_of(PastRuns, connection.execute(_PAST, {"cases": None}))

    def past(self, case_ids: Sequence[int] | None = None) -> list[PastRuns]:
        """Finished runs, one row an issue; of these cases only, where given."""
        cases = None if case_ids is None else list(case_ids)
        return read_rows(self._engine, PastRuns, _PAST, {"cases": cases})

    def open_runs(self) -> list[OpenRun]:
        """Runs that are not over, of this stream and of any before it, in the order of admission."""
        return read_rows(self._engine, OpenRun, _OPEN_RUNS)

    def ends(self, case_ids: Sequence[int]) -> list[RunEnd]:
        """How the runs of these cases ended; without those that no execution was planned for."""
        return read_rows(self._engine, RunEnd, _ENDS, {"cases": list(case_ids)}) if case_ids else []

    def next_rank(self, bench_id: str) -> int:
        """The admission rank of the next case."""
        with self._engine.connect() as connection:
            return cast(int, connection.scalar(_NEXT_RANK, {"bench": bench_id}))

    def run_numbers(self, bench_id: str, issue_ids: Sequence[str]) -> dict[str, int]:
        """The number of the next run of each issue that ran in this stream before."""
        with self._engine.connect() as connection:
            rows = connection.execute(_RUN_NUMBERS, {"bench": bench_id, "issues": list(issue_ids)})
            return {row.issue_id: row.next for row in rows}

    def decisions(self, bench_id: str) -> list[DecisionCount]:
        """Counts of decisions by mode, reason, and whether they abstained, agreed with what ran, or explored."""
        return read_rows(self._engine, DecisionCount, _REASONS, {"bench": bench_id})

    def backlog(self) -> list[BacklogIssue]:
        """All imported issues, by id."""
        return read_rows(self._engine, BacklogIssue, _BACKLOG)

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
