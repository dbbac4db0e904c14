"""Upload of an attempt's artifacts before its completion, so that a machine that is lost afterwards loses nothing."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from db.engine import retry_transient
from db.repositories.artifacts import IN_POSTGRES, PATCH, NewArtifact, StoreAnswer
from workers.artifacts.packing import CandidateFile, PackedFile, files_in, pack, pack_within
from workers.artifacts.stores import ArtifactStoreError, ObjectStore
from workers.result import ExecutionResult

MAX_PATCH_BYTES = 2**20
"""Compressed bytes of a patch that PostgreSQL keeps whatever the store is."""
_SMALL_BYTES = 512
"""Compressed bytes of a file for which a call to an object store is not worth it."""
_log = logging.getLogger(__name__)


class ArtifactTable(Protocol):
    """The database's part of an upload; idempotent under the lease's token."""

    def farm_id(self) -> str: ...

    def store(
        self,
        execution: int,
        attempt: int,
        token: UUID,
        items: list[NewArtifact],
        bodies: list[bytes | None],
    ) -> StoreAnswer: ...


class ArtifactKeeper:
    """Uploads what the archives of an attempt's candidates hold, except what the result itself holds."""

    def __init__(
        self, table: ArtifactTable, url: str = IN_POSTGRES, store_patience_seconds: float = 120.0
    ) -> None:
        """`url` is that of an artifact store; files are in a directory of the farm there. A store that fails for
        longer than the patience is replaced by PostgreSQL, within its limit."""
        self._table, self._url = table, url
        self._store_patience = store_patience_seconds
        self._directory: str | None = None
        self._store: ObjectStore | None = None

    def keep(
        self, execution: int, attempt: int, token: UUID, result: ExecutionResult, patience_seconds: float
    ) -> None:
        """Upload everything; retried while the database is unreachable, for at most the patience.

        What the database refuses is logged and not kept: the result is worth more than its files.
        """
        files = list(files_of(result))
        if not files:
            return
        try:
            items, bodies = self._stored(files, patience_seconds)
            self._record(execution, attempt, token, items, bodies, patience_seconds)
        except SQLAlchemyError:
            _log.exception("execution %s, attempt %s: its artifacts are refused", execution, attempt)
            self._keep_patches(execution, attempt, token, files)

    def _record(
        self,
        execution: int,
        attempt: int,
        token: UUID,
        items: list[NewArtifact],
        bodies: list[bytes | None],
        patience_seconds: float,
    ) -> None:
        answer = retry_transient(
            lambda: self._table.store(execution, attempt, token, items, bodies), patience_seconds
        )
        if answer == "fenced":
            _log.warning("execution %s, attempt %s: its artifacts came after its end", execution, attempt)

    def _keep_patches(self, execution: int, attempt: int, token: UUID, files: list[CandidateFile]) -> None:
        """Store the patches alone: what is worth most must not be lost with what is refused."""
        packed = [(pack(file), IN_POSTGRES) for file in files if file.name == PATCH]
        try:
            self._record(execution, attempt, token, *_rows(packed), 0.0)
        except SQLAlchemyError:
            _log.exception("execution %s, attempt %s: its patch is not kept", execution, attempt)

    def _stored(
        self, files: list[CandidateFile], patience_seconds: float
    ) -> tuple[list[NewArtifact], list[bytes | None]]:
        if self._url != IN_POSTGRES:
            packed = [pack(file) for file in files]
            url = self._farm_url(patience_seconds)
            if self._put(url, [each for each in packed if not _in_database(each)]):
                return _rows([(each, IN_POSTGRES if _in_database(each) else url) for each in packed])
        return _rows([(each, IN_POSTGRES) for each in pack_within(files)])

    def _farm_url(self, patience_seconds: float) -> str:
        """The farm's directory in the store, asked of the database once in a process."""
        if self._directory is None:
            self._directory = f"{self._url}/{retry_transient(self._table.farm_id, patience_seconds)}"
        return self._directory

    def _put(self, url: str, files: list[PackedFile]) -> bool:
        """Write all files to the store, with backoff; False where it failed for too long."""
        deadline, pause = time.monotonic() + self._store_patience, 0.5
        left = list(files)
        while left:
            try:
                store = self._open(url)
                while left:
                    store.put(left[-1].digest or "", left[-1].body or b"")
                    left.pop()
            except ArtifactStoreError as error:
                if time.monotonic() + pause > deadline:
                    _log.warning("%s; the artifacts go to PostgreSQL, within its limit", error)
                    return False
                time.sleep(pause)
                pause = min(2 * pause, 10.0)
        return True

    def _open(self, url: str) -> ObjectStore:
        if self._store is None:
            self._store = ObjectStore(url, create=True)
        return self._store


def _in_database(file: PackedFile) -> bool:
    return len(file.body or b"") <= (MAX_PATCH_BYTES if file.name == PATCH else _SMALL_BYTES)


def _rows(files: list[tuple[PackedFile, str]]) -> tuple[list[NewArtifact], list[bytes | None]]:
    items = [
        NewArtifact(
            candidate=file.candidate,
            name=file.name,
            digest=file.digest,
            encoding=file.encoding,
            size=file.size,
            stored_size=len(file.body or b""),
            left_out=file.left_out,
            store=store,
        )
        for file, store in files
    ]
    return items, [file.body if store == IN_POSTGRES else None for file, store in files]


def files_of(result: ExecutionResult) -> Iterator[CandidateFile]:
    """The files in the archives of all candidates, without the documents that the result holds already."""
    for candidate in result.candidates:
        if candidate.archive is None:
            continue
        for name, path in files_in(Path(candidate.archive)):
            yield CandidateFile(candidate.index, name, path.read_bytes())
