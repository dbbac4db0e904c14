"""Stored files with the metered calls of candidates: the gateway's transcript, or the conversation made from it."""

from typing import Final, NamedTuple

import sqlalchemy as sa

from db.repositories.artifacts import ArtifactRow, Encoding
from db.rows import read_rows

# A candidate without a transcript was not metered. Retention and the limit of a store may leave its conversation alone.
_PAGE: Final = sa.text("""
    SELECT t.execution_id, t.attempt, t.candidate, e.bench_id, e.case_id, c.issue_id, e.arm_id,
           coalesce(o.attempt = t.attempt AND o.chosen = t.candidate, false) AS is_chosen,
           f.name, f.digest, f.encoding, f.size, f.stored_size, f.left_out, f.store
    FROM farm.artifacts t
    JOIN farm.executions e ON e.execution_id = t.execution_id
    JOIN farm.cases c ON c.case_id = e.case_id
    LEFT JOIN farm.outcomes o ON o.execution_id = t.execution_id
    LEFT JOIN LATERAL (
        SELECT a.name, a.digest, a.encoding, a.size, a.stored_size, a.left_out, a.store
        FROM farm.artifacts a
        WHERE a.execution_id = t.execution_id AND a.attempt = t.attempt AND a.candidate = t.candidate
          AND a.name IN (:transcript, :conversation) AND a.digest IS NOT NULL AND a.pruned_at IS NULL
        ORDER BY a.name = :transcript DESC LIMIT 1) f ON true
    WHERE t.name = :transcript AND (CAST(:bench AS text) IS NULL OR e.bench_id = :bench)
      AND (t.execution_id, t.attempt, t.candidate) > (:execution, :attempt, :candidate)
    ORDER BY t.execution_id, t.attempt, t.candidate LIMIT :most""")


class CallFileRow(NamedTuple):
    """A metered candidate, and the stored file that has its calls; the columns of the file are None where none has."""

    execution_id: int
    attempt: int
    candidate: int
    bench_id: str
    case_id: int
    issue_id: str
    arm_id: int | None
    is_chosen: bool
    name: str | None
    digest: str | None
    encoding: Encoding | None
    size: int | None
    stored_size: int | None
    left_out: int | None
    store: str | None

    @property
    def artifact(self) -> ArtifactRow | None:
        """The file as an artifact; None where none is stored."""
        if (
            self.name is None
            or self.encoding is None
            or self.size is None
            or self.stored_size is None
            or self.left_out is None
            or self.store is None
        ):
            return None
        return ArtifactRow(
            self.execution_id, self.attempt, self.candidate, None, self.name, self.digest, self.encoding, self.size,
            self.stored_size, self.left_out, self.store, None,
        )  # fmt: skip


class CallFiles:
    """Files with metered calls in the database."""

    def __init__(self, engine: sa.Engine, transcript: str, conversation: str) -> None:
        """`transcript` and `conversation` are the names of these files in an archive."""
        self._engine = engine
        self._names = {"transcript": transcript, "conversation": conversation}

    def page(
        self, bench_id: str | None, after: CallFileRow | None = None, most: int = 500
    ) -> list[CallFileRow]:
        """The next candidates after one, by execution, attempt and candidate; of all benches where none is given."""
        execution, attempt, candidate = (0, 0, -1) if after is None else after[:3]
        values = {"execution": execution, "attempt": attempt, "candidate": candidate, "most": most}
        return read_rows(self._engine, CallFileRow, _PAGE, {**values, **self._names, "bench": bench_id})
