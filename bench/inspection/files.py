"""Files of an execution's candidates: from the database or an object store, or from an archive on this machine."""

import gzip
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from bench.errors import FailureError
from bench.results.artifacts import artifacts_of, read_artifact
from db.repositories.artifacts import PATCH, ArtifactRow
from db.repositories.execution_facts import CandidateFacts
from workers.artifacts.packing import files_in
from workers.conversation.store import FILE as CONVERSATION
from workers.execution.archive import is_archive_name

LOGS: Final = "logs/"
_NUMBERED: Final = re.compile(r"logs/(round|gate)-(\d+)")


@dataclass(frozen=True)
class KeptFile:
    """One file of one candidate. `row` is where it is stored, `path` where an archive of this machine has it."""

    attempt: int
    candidate: int
    workcell: str
    name: str
    row: ArtifactRow | None
    path: Path | None

    @property
    def size(self) -> int:
        """Bytes of the file as the candidate left it."""
        if self.row is not None:
            return self.row.size
        return self.path.stat().st_size if self.path is not None else 0

    @property
    def left_out(self) -> int:
        """Bytes that cannot be shown."""
        return 0 if self.row is None or self.path is not None else self.row.left_out

    @property
    def title(self) -> str:
        """Its name without the directory of logs."""
        return self.name.removeprefix(LOGS)


class ExecutionFiles:
    """The files of one execution, by attempt and candidate; logs in the order in which they were written."""

    def __init__(
        self,
        engine: sa.Engine,
        execution_id: int,
        candidates: Sequence[CandidateFacts],
        archives: Path | None,
    ) -> None:
        self._engine = engine
        rows = artifacts_of(engine, execution_id)
        names = {(each.attempt, each.candidate): each.workcell_id for each in candidates}
        local = dict(_local_files(candidates, archives))
        files = [
            KeptFile(
                row.attempt,
                row.candidate,
                names.get(key := (row.attempt, row.candidate))
                or f"x{execution_id}-a{row.attempt}-c{row.candidate}",
                row.name,
                row,
                local.pop((*key, row.name), None),
            )
            for row in rows
        ]
        files += [
            KeptFile(attempt, candidate, names[attempt, candidate], name, None, path)
            for (attempt, candidate, name), path in local.items()
        ]
        self.all = sorted(files, key=lambda file: (file.attempt, file.candidate, *_order(file.name)))

    def of(self, attempt: int, candidate: int | None = None) -> list[KeptFile]:
        """The files of an attempt, or of one of its candidates."""
        return [
            file
            for file in self.all
            if file.attempt == attempt and (candidate is None or file.candidate == candidate)
        ]

    def patch(self, attempt: int, candidate: int) -> KeptFile | None:
        """The patch of a candidate."""
        return next((file for file in self.of(attempt, candidate) if file.name == PATCH), None)

    def conversation(self, attempt: int, candidate: int) -> KeptFile | None:
        """The conversation of a candidate."""
        return next((file for file in self.of(attempt, candidate) if file.name == CONVERSATION), None)

    def read(self, file: KeptFile) -> bytes:
        """The bytes of a file: the stored ones where they are whole, else those on this machine.

        Raises `FailureError` where there are none, or they are damaged.
        """
        is_whole = file.row is not None and file.row.left_out == 0 and file.row.pruned_at is None
        if file.path is not None and not is_whole:
            try:
                return file.path.read_bytes()
            except OSError as error:
                if file.row is None:
                    raise FailureError(f"{file.path} cannot be read: {error.strerror}") from None
        if file.row is None:
            raise FailureError(f"{file.name} of {file.workcell} is not stored")
        return read_artifact(self._engine, file.row)

    def text(self, file: KeptFile) -> str:
        """A file as text, decompressed; what is no UTF-8 is replaced. Raises `FailureError`."""
        data = self.read(file)
        if file.name.endswith(".gz"):
            try:
                data = gzip.decompress(data)
            except (OSError, EOFError, zlib.error) as error:
                raise FailureError(f"{file.name} of {file.workcell} is damaged: {error}") from None
        return data.decode("utf-8", "replace")


def logs_of(files: Iterable[KeptFile]) -> list[KeptFile]:
    """The logs among files."""
    return [file for file in files if file.name.startswith(LOGS)]


def _local_files(
    candidates: Sequence[CandidateFacts], archives: Path | None
) -> Iterable[tuple[tuple[int, int, str], Path]]:
    """Files of archives on this machine; by name, never by a path that a worker reported."""
    for each in candidates:
        if archives is None or not is_archive_name(each.workcell_id):
            continue
        directory = archives / each.workcell_id
        if directory.is_symlink():
            continue
        for name, path in files_in(directory):
            yield (each.attempt, each.candidate, name), path


def _order(name: str) -> tuple[int, int, int, str]:
    """Patch, conversation, then logs: rounds by number, each before its gates; then all else."""
    if not name.startswith(LOGS):
        return (0 if name == PATCH else 1 if name == CONVERSATION else 3), 0, 0, name
    matched = _NUMBERED.match(name)
    kind, number = matched.groups() if matched else (None, None)
    # stdout before stderr.
    return 2, int(number or 0), ("round", "gate", None).index(kind), name.replace("stdout", "1")
