"""Archive maintenance: export, restore from the database, and retention of logs."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from pydantic import ValidationError

from bench.errors import BenchError, FailureError
from db.repositories.recorded import RecordedCandidate, recorded_candidates
from planner.system.atomic import atomic_directory
from workers.execution.archive import CandidateRecord, is_archive_name, write_archive
from workers.execution.leftovers import size_of
from workers.result import CandidateResult
from workers.sandbox.sweep import is_real_directory, remove_tree
from workers.spec import WorkOrder

LOGS = "logs"
_CORE = "manifest.json"


def _archives(directory: Path) -> Iterator[Path]:
    if not directory.is_dir():
        raise BenchError(f"there are no archives in {directory}; set BENCH_ARCHIVES_DIR, or run a bench")
    return (entry for entry in sorted(directory.iterdir()) if (entry / _CORE).is_file())


def export_archives(source: Path, target: Path, bench_id: str | None) -> tuple[int, int]:
    """Idempotent export: copy each archive that is missing in `target`, by atomic rename.

    Returns the numbers of archives copied and of those already in `target`. Raises `BenchError` where `source` has no
    archives or a manifest is invalid, and `FailureError` where copying fails.
    """
    copied = known = 0
    try:
        target.mkdir(parents=True, exist_ok=True)
        with _export_lock(target):
            for archive in _archives(source):
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


def restore_archives(engine: sa.Engine, target: Path) -> Restored:
    """Idempotent restore: write to `target` each recorded archive that is missing there, without patch and logs.

    Manifest, proof and rollout equal those that the worker wrote, so a dataset built from them is the same.
    Raises `FailureError` where writing fails.
    """
    written, known, lost, refused = 0, 0, [], []
    try:
        for recorded in recorded_candidates(engine):
            if recorded.result.get("archive") is None:
                continue
            workcell_id = recorded.result.get("workcell_id")
            if not is_archive_name(workcell_id):
                refused.append(repr(workcell_id))
                continue
            if (target / workcell_id).exists():
                known += 1
                continue
            evidence = _evidence(recorded)
            if evidence is None:
                lost.append(workcell_id)
                continue
            write_archive(target, evidence)
            written += 1
    except OSError as error:
        raise FailureError(f"cannot write archives to {target}: {error.strerror or error}") from error
    return Restored(written, known, lost, refused)


def _evidence(recorded: RecordedCandidate) -> CandidateRecord | None:
    try:
        order = WorkOrder.model_validate(recorded.work_order)
        result = CandidateResult.model_validate(recorded.result)
    except ValidationError:
        return None
    if order.action is None or result.started_at is None:
        return None
    return CandidateRecord(order, order.action, result)


def prune_logs(directory: Path, older_than_seconds: float, dry_run: bool) -> tuple[int, int]:
    """Retention: delete the logs of archives older than `older_than_seconds`; `dry_run` only counts them.

    Returns the number of archives and the bytes of their logs. Raises `BenchError` where there are no archives.
    """
    before = time.time() - older_than_seconds
    count = size = 0
    for archive in _archives(directory):
        logs = archive / LOGS
        # The target of a link may belong to another archive.
        linked = archive.is_symlink() or not is_real_directory(logs)
        if linked or (archive / _CORE).stat().st_mtime > before:
            continue
        count += 1
        size += size_of(logs)
        if not dry_run:
            remove_tree(logs)
    return count, size
