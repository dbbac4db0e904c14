"""Landings: solved issues of streams on their way into the source repository."""

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from db.engine import transaction
from db.rows import read_first, read_rows
from db.states import ExecutionState, LandingState, LandMode

Json = dict[str, Any]

# A solved case of a stream whose config lands; idempotent, so that a kill after the verdict loses none.
_ENQUEUE = sa.text("""
    INSERT INTO farm.landings (case_id, issue_id, mode, target)
    SELECT c.case_id, c.issue_id, b.config #>> '{stream,land}', b.config #>> '{stream,land_target}'
    FROM farm.benches b JOIN farm.cases c USING (bench_id) JOIN farm.verdicts v USING (case_id)
    WHERE b.kind = 'stream' AND b.state <> 'cancelled' AND coalesce(b.config #>> '{stream,land}', 'none') <> 'none'
      AND v.winner_arm_id IS NOT NULL AND NOT EXISTS (SELECT FROM farm.landings l WHERE l.case_id = c.case_id)
    ON CONFLICT DO NOTHING""")
_COLUMNS = """
    l.case_id, l.issue_id, l.mode, l.target, l.state, l.commit_id, l.target_tip, l.merge_id, l.check_execution_id,
    l.merges, l.url, l.reason, l.retry_at, c.bench_id, c.workcell, b.config #>> '{workcell,base}' AS configured_base,
    b.config #>> '{stream,land_author}' AS author, e.state AS check_state, o.status AS check_status,
    coalesce(o.message, e.reason) AS check_message, b.config #>> '{workcell,repo}' AS configured_repo,
    b.config -> 'trust' AS trust, i.source, i.document #>> '{workcell,repo}' AS issue_repo,
    b.state = 'cancelled' AS is_cancelled
    FROM farm.landings l JOIN farm.cases c USING (case_id) JOIN farm.benches b ON b.bench_id = c.bench_id
    LEFT JOIN farm.executions e ON e.execution_id = l.check_execution_id
    LEFT JOIN farm.outcomes o ON o.execution_id = l.check_execution_id
    LEFT JOIN farm.issues i ON i.issue_id = l.issue_id"""
_OPEN = sa.text(f"SELECT {_COLUMNS} WHERE l.state <> 'landed' AND b.state <> 'cancelled' ORDER BY l.case_id")
_ONE = sa.text(f"SELECT {_COLUMNS} WHERE l.case_id = :case")
# Of each issue the newest: an issue that was imported again may have been solved twice. What a cancelled stream
# solved has no landing where it was cancelled before the next step.
_NEWEST = sa.text("""
    SELECT DISTINCT ON (c.issue_id) c.issue_id, coalesce(l.state, 'queued') AS state, l.commit_id,
           CASE WHEN b.state = 'cancelled' AND l.state IS DISTINCT FROM 'landed'
                THEN 'its stream ' || b.bench_id || ' was cancelled; to take its patch: bench apply ' || c.issue_id
                ELSE l.reason END AS reason, c.workcell ->> 'repo' AS repo
    FROM farm.cases c JOIN farm.benches b USING (bench_id) LEFT JOIN farm.landings l USING (case_id)
    WHERE l.case_id IS NOT NULL
       OR (b.kind = 'stream' AND b.state = 'cancelled' AND coalesce(b.config #>> '{stream,land}', 'none') <> 'none'
           AND EXISTS (SELECT FROM farm.verdicts v WHERE v.case_id = c.case_id AND v.winner_arm_id IS NOT NULL))
    ORDER BY c.issue_id, c.case_id DESC""")
_CHANGE = """
    UPDATE farm.landings SET {changes}, updated_at = now() WHERE case_id = :case AND state = :from_state"""
_STATE = sa.text("SELECT state FROM farm.landings WHERE case_id = :case FOR UPDATE")
_CHECK = sa.text("""
    INSERT INTO farm.executions (bench_id, case_id, seed, queue, rank, worst_micro_usd, worst_ms, deadline_seconds,
                                 state)
    SELECT bench_id, case_id, seed, queue, rank, 0, 0, :deadline, 'ready' FROM farm.executions
    WHERE case_id = :case AND arm_id IS NOT NULL ORDER BY execution_id LIMIT 1
    RETURNING execution_id""")


class Landing(NamedTuple):
    """A solved case on its way, with the execution that checks its merge result."""

    case_id: int
    issue_id: str
    mode: LandMode
    target: str | None
    state: LandingState
    commit_id: str | None
    target_tip: str | None
    merge_id: str | None
    check_execution_id: int | None
    merges: int
    url: str | None
    reason: str | None
    retry_at: datetime | None
    bench_id: str
    workcell: Json
    configured_base: str | None
    author: str | None
    check_state: ExecutionState | None
    check_status: str | None
    check_message: str | None
    configured_repo: str | None
    trust: Json | None
    """The `trust` block of the config."""
    source: str | None
    """The backlog that last imported the issue."""
    issue_repo: str | None
    """The repository that the issue names there."""
    is_cancelled: bool
    """Whether its stream is cancelled: it is not landed any more."""


class LandedIssue(NamedTuple):
    """The newest landing of an issue."""

    issue_id: str
    state: LandingState
    commit_id: str | None
    reason: str | None
    repo: str


class Landings:
    """Landings in the database; each change is a compare-and-swap on the state."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def enqueue(self) -> int:
        """Enqueue what streams with `stream.land` solved and is not there yet; how many. Idempotent.

        A cancelled stream lands nothing.
        """
        with transaction(self._engine) as connection:
            return connection.execute(_ENQUEUE).rowcount

    def open(self) -> list[Landing]:
        """Landings of streams that are not cancelled that are not landed, in the order of their cases."""
        return read_rows(self._engine, Landing, _OPEN)

    def get(self, case_id: int) -> Landing:
        """One landing."""
        (row,) = read_rows(self._engine, Landing, _ONE, {"case": case_id})
        return row

    def find(self, case_id: int) -> Landing | None:
        """The landing of a case; None where nothing of it lands."""
        return read_first(self._engine, Landing, _ONE, {"case": case_id})

    def newest(self) -> dict[str, LandedIssue]:
        """The newest landing of each issue that has one, or would have one if its stream were not cancelled."""
        return {row.issue_id: row for row in read_rows(self._engine, LandedIssue, _NEWEST)}

    def commits_of(self, issue_id: str) -> set[str]:
        """The commits of an issue's landings."""
        statement = sa.text(
            "SELECT commit_id FROM farm.landings WHERE issue_id = :issue AND commit_id IS NOT NULL"
        )
        with self._engine.connect() as connection:
            return set(connection.scalars(statement, {"issue": issue_id}))

    def change(self, landing: Landing, **columns: Any) -> bool:
        """Change columns of a landing where it is still in the state that `landing` has; whether it was."""
        with transaction(self._engine) as connection:
            return _change(connection, landing, columns)

    def start_check(self, landing: Landing, merge_id: str, target_tip: str, deadline_seconds: int) -> None:
        """Enqueue the execution that runs the gates on a merge result, for which the landing waits; one transaction."""
        with transaction(self._engine) as connection:
            locked = connection.scalar(_STATE, {"case": landing.case_id})
            if locked != landing.state:
                return
            values = {"case": landing.case_id, "deadline": deadline_seconds}
            execution = connection.scalar(_CHECK, values)
            connection.execute(
                sa.text("INSERT INTO farm.checks VALUES (:execution, :commit)"),
                {"execution": execution, "commit": merge_id},
            )
            changes = {
                "state": "checking",
                "merge_id": merge_id,
                "target_tip": target_tip,
                "check_execution_id": execution,
                "merges": landing.merges + 1,
                "reason": None,
                "retry_at": None,
            }
            _change(connection, landing, changes)

    def base_conflicts(self) -> dict[str, str]:
        """Why issues wait for a person to merge their blockers' commits, by issue."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.text("SELECT issue_id, reason FROM farm.base_conflicts"))
            return {row.issue_id: row.reason for row in rows}

    def set_base_conflict(self, issue_id: str, reason: str | None) -> None:
        """Store, or with None remove, why an issue has no base."""
        with transaction(self._engine) as connection:
            delete = sa.text("DELETE FROM farm.base_conflicts WHERE issue_id = :issue")
            connection.execute(delete, {"issue": issue_id})
            if reason is not None:
                insert = sa.text("INSERT INTO farm.base_conflicts VALUES (:issue, :reason)")
                connection.execute(insert, {"issue": issue_id, "reason": reason})


def _change(connection: sa.Connection, landing: Landing, columns: dict[str, Any]) -> bool:
    changes = ", ".join(f"{name} = :{name}_" for name in columns)
    values = {f"{name}_": value for name, value in columns.items()}
    statement = sa.text(_CHANGE.format(changes=changes))
    result = connection.execute(statement, {**values, "case": landing.case_id, "from_state": landing.state})
    return result.rowcount == 1
