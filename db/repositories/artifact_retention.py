"""Retention of artifacts: which are deleted by age and size, and the record of it. Patches are always kept."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, NamedTuple

import sqlalchemy as sa

from db.engine import transaction
from db.rows import read_one, read_rows

_AT_ONCE: Final = 500
_COUNT = sa.text(
    "SELECT count(*) AS artifacts, coalesce(sum(stored_size), 0)::bigint AS size"
    " FROM farm.due_artifacts(:seconds, :max_bytes, :conversations)"
)
_BATCH = sa.text("""
    SELECT execution_id, attempt, candidate, name, digest, store, stored_size
    FROM farm.due_artifacts(:seconds, :max_bytes, :conversations)
    ORDER BY stored_at, execution_id, attempt, candidate, name LIMIT :at_once""")
_SHARED = sa.text("""
    SELECT DISTINCT a.digest FROM farm.artifacts a
    WHERE a.store = :store AND a.digest = ANY (:digests) AND a.pruned_at IS NULL
      AND NOT EXISTS (SELECT FROM jsonb_to_recordset(CAST(:batch AS jsonb))
                          AS b (execution_id bigint, attempt int, candidate int, name text)
                      WHERE (a.execution_id, a.attempt, a.candidate, a.name)
                          = (b.execution_id, b.attempt, b.candidate, b.name))""")
_MARK = sa.text("""
    UPDATE farm.artifacts a SET pruned_at = now(), blob = NULL
    FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS b (execution_id bigint, attempt int, candidate int, name text)
    WHERE (a.execution_id, a.attempt, a.candidate, a.name) = (b.execution_id, b.attempt, b.candidate, b.name)""")
_DELETE_BLOBS = sa.text("""
    DELETE FROM farm.blobs b
    WHERE b.digest = ANY (:digests) AND NOT EXISTS (SELECT FROM farm.artifacts a WHERE a.blob = b.digest)""")


@dataclass(frozen=True)
class Retention:
    """What is kept: by age in seconds, and by stored bytes, newest first; None is without limit."""

    seconds: float | None = None
    max_bytes: int | None = None
    conversations: bool = False
    """Whether conversations are deleted, too."""


class DueArtifact(NamedTuple):
    """An artifact whose bytes are to be deleted."""

    execution_id: int
    attempt: int
    candidate: int
    name: str
    digest: str
    store: str
    stored_size: int


class DueTotal(NamedTuple):
    """How many artifacts are to be deleted, and their stored bytes."""

    artifacts: int
    size: int


class ArtifactRetention:
    """Queries of a retention run."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def count(self, retention: Retention) -> tuple[int, int]:
        """Number and stored bytes of what is to be deleted."""
        return read_one(self._engine, DueTotal, _COUNT, asdict(retention))

    def next_batch(self, retention: Retention) -> list[DueArtifact]:
        """The oldest of them, at most a few hundred."""
        return read_rows(self._engine, DueArtifact, _BATCH, {**asdict(retention), "at_once": _AT_ONCE})

    def shared_digests(self, store: str, batch: Sequence[DueArtifact]) -> set[str]:
        """Digests of the batch whose bytes other artifacts of this store still need."""
        digests = [row.digest for row in batch if row.store == store]
        values = {"store": store, "digests": digests, "batch": _keys(batch)}
        with self._engine.connect() as connection:
            return set(connection.scalars(_SHARED, values))

    def mark_pruned(self, batch: Sequence[DueArtifact]) -> None:
        """Record the deletion, and delete blobs of PostgreSQL that nothing refers to any more."""
        with transaction(self._engine) as connection:
            connection.execute(_MARK, {"batch": _keys(batch)})
            connection.execute(_DELETE_BLOBS, {"digests": [row.digest for row in batch]})


def _keys(batch: Sequence[DueArtifact]) -> str:
    return json.dumps([dict(zip(DueArtifact._fields[:4], row[:4], strict=True)) for row in batch])
