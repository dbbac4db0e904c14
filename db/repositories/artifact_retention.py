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
    WHERE store <> ALL (CAST(:but AS text[]))
    ORDER BY stored_at, execution_id, attempt, candidate, name LIMIT :at_once""")
_SHARED = sa.text("""
    SELECT DISTINCT digest FROM farm.artifacts
    WHERE store = :store AND digest = ANY (:digests) AND pruned_at IS NULL""")
_MARK = sa.text("""
    UPDATE farm.artifacts a SET pruned_at = now(), blob = NULL
    FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS b (execution_id bigint, attempt int, candidate int, name text)
    WHERE (a.execution_id, a.attempt, a.candidate, a.name) = (b.execution_id, b.attempt, b.candidate, b.name)""")
_RESTORE = sa.text("""
    UPDATE farm.artifacts a SET pruned_at = NULL
    FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS b (execution_id bigint, attempt int, candidate int, name text)
    WHERE (a.execution_id, a.attempt, a.candidate, a.name) = (b.execution_id, b.attempt, b.candidate, b.name)
      AND a.store = :store""")
# A worker that stores the same bytes now waits for this lock, and inserts them again afterwards.
_LOCK_BLOBS = sa.text(
    "SELECT digest FROM farm.blobs WHERE digest = ANY (:digests) ORDER BY digest FOR UPDATE"
)
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

    def next_batch(self, retention: Retention, but: Sequence[str] = ()) -> list[DueArtifact]:
        """The oldest of them in other stores than `but`, at most a few hundred."""
        values = {**asdict(retention), "but": list(but), "at_once": _AT_ONCE}
        return read_rows(self._engine, DueArtifact, _BATCH, values)

    def mark_pruned(self, batch: Sequence[DueArtifact]) -> None:
        """Record the deletion, and delete blobs of PostgreSQL that nothing refers to any more.

        Bytes in object stores are deleted after it: what has no row any more can be deleted safely.
        """
        digests = [row.digest for row in batch]
        with transaction(self._engine) as connection:
            connection.execute(_MARK, {"batch": _keys(batch)})
            connection.execute(_LOCK_BLOBS, {"digests": digests})
            connection.execute(_DELETE_BLOBS, {"digests": digests})

    def shared_digests(self, store: str, batch: Sequence[DueArtifact]) -> set[str]:
        """Digests of a batch that is marked whose bytes other artifacts of this store still need."""
        digests = [row.digest for row in batch if row.store == store]
        with self._engine.connect() as connection:
            return set(connection.scalars(_SHARED, {"store": store, "digests": digests}))

    def unmark(self, store: str, batch: Sequence[DueArtifact]) -> None:
        """Take back the record for one store, which could not be reached: a later run tries again."""
        with transaction(self._engine) as connection:
            connection.execute(_RESTORE, {"batch": _keys(batch), "store": store})


def _keys(batch: Sequence[DueArtifact]) -> str:
    return json.dumps([dict(zip(DueArtifact._fields[:4], row[:4], strict=True)) for row in batch])
