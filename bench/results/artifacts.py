"""Artifacts as reports and commands read them: from PostgreSQL or an object store, verified by their digest."""

import hashlib
import zlib
from typing import Final

import sqlalchemy as sa

from bench.errors import FailureError
from db.repositories.artifacts import IN_POSTGRES, ArtifactRow, Artifacts
from workers.artifacts.stores import store_at
from workers.errors import WorkerError

_MARK_BYTES: Final = 200
"""More than the mark of what was left out of a file has."""


def artifacts_of(engine: sa.Engine, execution_id: int) -> list[ArtifactRow]:
    """All artifacts of an execution, by attempt, candidate and name."""
    return Artifacts(engine).of_execution(execution_id)


def read_artifact(engine: sa.Engine, row: ArtifactRow) -> bytes:
    """The file as the candidate left it, except for what is marked as left out.

    Raises `FailureError` where its bytes were not kept, were pruned, cannot be read or are damaged.
    """
    label = f"{row.name} of x{row.execution_id}-a{row.attempt}-c{row.candidate}"
    if row.digest is None:
        raise FailureError(
            f"{label} was not kept: its {row.size / 1e6:.1f} MB are more than {row.store} keeps of one execution; "
            "workers with BENCH_ARTIFACTS_URL=s3://… keep everything"
        )
    if row.pruned_at is not None:
        raise FailureError(f"{label} was deleted by retention on {row.pruned_at:%Y-%m-%d}")
    body = _body(engine, row, row.digest)
    if body is None or hashlib.sha256(body).hexdigest() != row.digest:
        raise FailureError(f"{label} is damaged: its bytes do not have the SHA-256 {row.digest[:12]}…")
    return _unpacked(body, row.size, label) if row.encoding == "gzip" else body


def _unpacked(body: bytes, size: int, label: str) -> bytes:
    """The decompressed bytes; never more than its row promises, whatever a forged body would become."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        data = unpacker.decompress(body, size + _MARK_BYTES)
    except zlib.error as error:
        raise FailureError(f"{label} is damaged: {error}") from None
    if not unpacker.eof:
        raise FailureError(f"{label} is damaged: it is cut off, or longer than its row says")
    return data


def _body(engine: sa.Engine, row: ArtifactRow, digest: str) -> bytes | None:
    if row.store == IN_POSTGRES:
        return Artifacts(engine).blob(digest)
    try:
        return store_at(row.store).get(digest)
    except WorkerError as error:
        raise FailureError(str(error)) from None


def patch_of(engine: sa.Engine, execution_id: int) -> bytes | None:
    """The patch of the candidate that won the vote of an execution, whole and verified.

    None where the execution has no outcome, or its patch was not stored. Raises `FailureError` as `read_artifact`.
    """
    row = Artifacts(engine).chosen_patch(execution_id)
    return None if row is None else read_artifact(engine, row)
