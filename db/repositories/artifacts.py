"""Artifacts of executions: stored by workers before they complete, read by reports and commands."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple, cast
from uuid import UUID

import sqlalchemy as sa

from db.engine import call
from db.rows import read_first, read_rows

PATCH: Final = "patch.diff"
IN_POSTGRES: Final = "postgres:"
Encoding = Literal["identity", "gzip"]
StoreAnswer = Literal["stored", "fenced"]

_STORE = sa.text(
    "SELECT farm.store_artifacts(:execution, :attempt, :token, CAST(:items AS jsonb), CAST(:bodies AS bytea[]))"
)
_FARM_ID = sa.text("SELECT farm.farm_id()")
_COLUMNS = """
    a.execution_id, a.attempt, a.candidate, k.workcell_id, a.name, a.digest, a.encoding, a.size, a.stored_size,
    a.left_out, a.store, a.pruned_at
    FROM farm.artifacts a LEFT JOIN farm.candidates k USING (execution_id, attempt, candidate)"""
_OF_EXECUTION = sa.text(
    f"SELECT {_COLUMNS} WHERE a.execution_id = :execution ORDER BY a.attempt, a.candidate, a.name"
)
_CHOSEN_PATCH = sa.text(f"""SELECT {_COLUMNS} JOIN farm.outcomes o ON o.execution_id = a.execution_id
    AND o.attempt = a.attempt AND o.chosen = a.candidate
    WHERE a.execution_id = :execution AND a.name = 'patch.diff'""")
_BLOB = sa.text("SELECT bytes FROM farm.blobs WHERE digest = :digest")
# The winner's passing execution with the lowest replicate; without a bench, of the newest decided case of the issue.
_WINNERS = """
    SELECT c.case_id, c.bench_id, c.issue_id, v.winner_arm_id AS arm_id, e.execution_id
    FROM farm.cases c
    JOIN farm.verdicts v USING (case_id)
    JOIN farm.executions e ON e.case_id = c.case_id AND e.arm_id = v.winner_arm_id AND e.state = 'done'
    JOIN farm.outcomes o ON o.execution_id = e.execution_id AND o.status = 'success'"""
_ALL_TO_TAKE = sa.text(
    f"{_WINNERS} WHERE c.bench_id = :bench ORDER BY c.case_id, e.replicate, e.execution_id"
)
_TO_TAKE = sa.text(f"""{_WINNERS}
    WHERE c.issue_id = :issue AND (CAST(:bench AS text) IS NULL OR c.bench_id = :bench)
      AND (CAST(:case AS bigint) IS NULL OR c.case_id = :case)
    ORDER BY v.decided_at DESC, c.case_id DESC, e.replicate, e.execution_id
    LIMIT 1""")


@dataclass(frozen=True)
class NewArtifact:
    """A file of a candidate as it is stored; its bytes are empty where another store than PostgreSQL has them."""

    candidate: int
    name: str
    digest: str | None
    """SHA-256 of the stored bytes; None where they are not kept."""
    encoding: Encoding
    size: int
    """Bytes of the file."""
    stored_size: int
    left_out: int
    store: str
    """`postgres:`, or the URL of an object store."""


class ArtifactRow(NamedTuple):
    """A stored artifact, without its bytes."""

    execution_id: int
    attempt: int
    candidate: int
    workcell_id: str | None
    name: str
    digest: str | None
    encoding: Encoding
    size: int
    stored_size: int
    left_out: int
    store: str
    pruned_at: datetime | None


class ExecutionToTake(NamedTuple):
    """The execution whose patch solves an issue."""

    case_id: int
    bench_id: str
    issue_id: str
    arm_id: int
    execution_id: int


class Artifacts:
    """Artifacts in the database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def store(
        self,
        execution: int,
        attempt: int,
        token: UUID,
        items: Sequence[NewArtifact],
        bodies: Sequence[bytes | None],
    ) -> StoreAnswer:
        """Store the artifacts of an attempt, authorised by its fencing token. Idempotent.

        `bodies` are the bytes of each item, None where another store has them.
        """
        values = {
            "execution": execution,
            "attempt": attempt,
            "token": token,
            "items": json.dumps([asdict(item) for item in items]),
            "bodies": list(bodies),
        }
        return cast(StoreAnswer, call(self._engine, _STORE, values))

    def farm_id(self) -> str:
        """The identity of this farm: its directory in an object store."""
        return cast(str, call(self._engine, _FARM_ID, {}))

    def of_execution(self, execution: int) -> list[ArtifactRow]:
        """All artifacts of an execution, by attempt, candidate and name."""
        return read_rows(self._engine, ArtifactRow, _OF_EXECUTION, {"execution": execution})

    def chosen_patch(self, execution: int) -> ArtifactRow | None:
        """The patch of the candidate that won the vote of a scored execution."""
        return read_first(self._engine, ArtifactRow, _CHOSEN_PATCH, {"execution": execution})

    def blob(self, digest: str) -> bytes | None:
        """The bytes of this SHA-256."""
        with self._engine.connect() as connection:
            return cast(bytes | None, connection.scalar(_BLOB, {"digest": digest}))


def execution_to_take(
    engine: sa.Engine, issue_id: str, bench_id: str | None = None, case_id: int | None = None
) -> ExecutionToTake | None:
    """The execution whose patch solves an issue: the winner's passing one with the lowest replicate.

    Without a bench or a case, of the case that was decided last. None where no arm of such a case passed.
    """
    return read_first(
        engine, ExecutionToTake, _TO_TAKE, {"issue": issue_id, "bench": bench_id, "case": case_id}
    )


def executions_to_take(engine: sa.Engine, bench_id: str) -> dict[int, int]:
    """The execution whose patch solves its issue, for each case of a bench with a winner, as `execution_to_take`."""
    rows = read_rows(engine, ExecutionToTake, _ALL_TO_TAKE, {"bench": bench_id})
    return {row.case_id: row.execution_id for row in reversed(rows)}
