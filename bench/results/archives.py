"""Archives exported from a directory, and restored from the database and its artifacts."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from pydantic import ValidationError

from bench.errors import BenchError, FailureError
from bench.results.artifacts import artifacts_of, read_artifact
from db.repositories.artifacts import PATCH, ArtifactRow
from db.repositories.recorded import RecordedCandidate, count_candidates, recorded_candidates
from planner.system.atomic import atomic_directory, write_atomic
from planner.system.progress import ProgressReporter, no_progress
from workers.conversation.store import FILE as CONVERSATION
from workers.conversation.store import TRANSCRIPT
from workers.execution.archive import CandidateRecord, is_archive_name, write_archive
from workers.result import CandidateResult
from workers.spec import WorkOrder

_CORE = "manifest.json"
_LOGS = "logs/"


def archives_in(directory: Path) -> Iterator[Path]:
    """The archives in a directory, by name. Raises `BenchError` where it is none."""
    if not directory.is_dir():
        raise BenchError(f"there are no archives in {directory}; set BENCH_ARCHIVES_DIR, or run a bench")
    return (entry for entry in sorted(directory.iterdir()) if (entry / _CORE).is_file())


def export_archives(
    source: Path, target: Path, bench_id: str | None, progress: ProgressReporter = no_progress
) -> tuple[int, int]:
    """Idempotent export: copy each archive that is missing in `target`, by atomic rename.

    Returns the numbers of archives copied and of those already in `target`. Raises `BenchError` where `source` has no
    archives or a manifest is invalid, and `FailureError` where copying fails.
    """
    copied = known = 0
    try:
        target.mkdir(parents=True, exist_ok=True)
        with _export_lock(target):
            for archive in progress(list(archives_in(source)), "copying archives"):
                if bench_id is not None and _bench_of(archive) != bench_id:
                    continue
                if (target / archive.name).exists():
                    known += 1
                    continue
                with atomic_directory(target / archive.name) as draft:
                    shutil.copytree(archive, draft, symlinks=True, dirs_exist_ok=True)
                copied += 1
    except OSError as error:
        raise FailureError(f"cannot copy archives to {target}: {error.strerror or error}") from error
    return copied, known


@contextmanager
def _export_lock(target: Path) -> Iterator[None]:
    """Exclusive file lock on `target`: drafts of a running export are not taken for leftovers of a killed export."""
    directory = os.open(target, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def _bench_of(archive: Path) -> str | None:
    path = archive / _CORE
    try:
        bench_id = (json.loads(path.read_bytes()).get("bench") or {}).get("bench_id")
    except (ValueError, AttributeError):
        raise BenchError(
            f"{path} is no manifest; move {archive.name} away, and bench archives restore writes it again"
        ) from None
    return None if bench_id is None else str(bench_id)


class Restored(NamedTuple):
    """The result of a restore, by what happened to each recorded archive."""

    written: int
    known: int
    """Existed already."""
    lost: list[str]
    """Workcells whose records, of an older version, lack data that an archive needs."""
    refused: list[str]
    """Recorded names that are invalid for an archive, such as `../../x`: forged by a worker."""
    incomplete: list[str]
    """Reasons why files of written archives are missing: pruned, not kept, or unreadable."""
    added: int = 0
    """Of the known ones, those that got files back which they lacked."""


def restore_archives(
    engine: sa.Engine, target: Path, bench_id: str | None = None, progress: ProgressReporter = no_progress
) -> Restored:
    """Idempotent restore: write to `target` each recorded archive that is missing there, with patch and logs.

    An archive that exists gets the stored files that it lacks, such as pruned logs; no file of it is changed.
    Manifest, proof and rollout equal those that the worker wrote, so a dataset built from them is the same.
    Raises `FailureError` where writing fails.
    """
    written, known, added, lost, refused, incomplete = 0, 0, 0, [], [], []
    files = _StoredFiles(engine)
    try:
        candidates = recorded_candidates(engine, bench_id)
        for recorded in progress(candidates, "restoring archives", count_candidates(engine, bench_id)):
            if recorded.result.get("archive") is None:
                continue
            workcell_id = recorded.result.get("workcell_id")
            if not is_archive_name(workcell_id):
                refused.append(repr(workcell_id))
                continue
            if (target / workcell_id).exists():
                known += 1
                added += _add(target / workcell_id, files.of(recorded, target / workcell_id)[0])
                continue
            evidence = _evidence(recorded)
            if evidence is None:
                lost.append(workcell_id)
                continue
            contents, missing = files.of(recorded)
            write_archive(target, _with_files(evidence, contents))
            incomplete += missing
            written += 1
    except OSError as error:
        raise FailureError(f"cannot write archives to {target}: {error.strerror or error}") from error
    return Restored(written, known, lost, refused, incomplete, added)


def _add(archive: Path, contents: Mapping[str, bytes]) -> bool:
    """Write these files into an archive, each atomically; whether there were any."""
    for name, data in contents.items():
        (archive / name).parent.mkdir(exist_ok=True)
        write_atomic(archive / name, data, replace=False)
    return bool(contents)


class _StoredFiles:
    """The stored files of recorded candidates, of one execution at a time."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._execution: int | None = None
        self._rows: list[ArtifactRow] = []

    def of(
        self, recorded: RecordedCandidate, archive: Path | None = None
    ) -> tuple[dict[str, bytes], list[str]]:
        """The files of a candidate by name, and why others are missing; without those that `archive` has."""
        if recorded.execution_id != self._execution:
            self._rows = artifacts_of(self._engine, recorded.execution_id)
            self._execution = recorded.execution_id
        contents, missing = {}, []
        for row in self._rows:
            if archive is not None and (archive / row.name).exists():
                continue
            if (row.attempt, row.candidate) == (recorded.attempt, recorded.candidate):
                try:
                    contents[row.name] = read_artifact(self._engine, row)
                except FailureError as error:
                    missing.append(str(error))
        return contents, missing


def _with_files(record: CandidateRecord, contents: dict[str, bytes]) -> CandidateRecord:
    logs = {name.removeprefix(_LOGS): data for name, data in contents.items() if name.startswith(_LOGS)}
    whole: dict[str, bytes] = {
        name: contents[name] for name in (CONVERSATION, TRANSCRIPT) if name in contents
    }
    return replace(record, patch=contents.get(PATCH), logs=logs, whole=whole)


def _evidence(recorded: RecordedCandidate) -> CandidateRecord | None:
    try:
        order = WorkOrder.model_validate(recorded.work_order)
        result = CandidateResult.model_validate(recorded.result)
    except ValidationError:
        return None
    if order.action is None or result.started_at is None:
        return None
    return CandidateRecord(order, order.action, result)
