"""Retention of logs: by age and by size, in a directory of archives and in the artifact store of a farm."""

import time
from pathlib import Path

import sqlalchemy as sa

from bench.errors import FailureError
from bench.results.archives import archives_in
from db.repositories.artifact_retention import ArtifactRetention, Retention
from db.repositories.artifacts import IN_POSTGRES
from planner.system.progress import ProgressReporter, no_progress
from workers.artifacts.stores import UPLOAD_PATIENCE_SECONDS, store_at
from workers.errors import WorkerError
from workers.execution.leftovers import size_of
from workers.sandbox.sweep import is_real_directory, remove_tree

LOGS = "logs"
_CORE = "manifest.json"


def prune_logs(
    directory: Path,
    older_than_seconds: float | None,
    dry_run: bool,
    max_bytes: int | None = None,
    progress: ProgressReporter = no_progress,
) -> tuple[int, int]:
    """Delete the logs of archives older than `older_than_seconds`, and the oldest beyond `max_bytes` of logs.

    `dry_run` only counts them. Returns the number of archives and the bytes of their logs. Raises `BenchError` where
    there are no archives.
    """
    before = None if older_than_seconds is None else time.time() - older_than_seconds
    count = size = kept = 0
    for modified, logs in progress(sorted(_logs_in(directory), reverse=True), "pruning logs"):
        bytes_of_logs = size_of(logs)
        kept += bytes_of_logs
        is_old = before is not None and modified <= before
        if not is_old and (max_bytes is None or kept <= max_bytes):
            continue
        count += 1
        size += bytes_of_logs
        if not dry_run:
            remove_tree(logs)
    return count, size


def _logs_in(directory: Path) -> list[tuple[float, Path]]:
    """The logs of each archive, with the time when it was written."""
    # The target of a link may belong to another archive.
    return [
        ((archive / _CORE).stat().st_mtime, archive / LOGS)
        for archive in archives_in(directory)
        if not archive.is_symlink() and is_real_directory(archive / LOGS)
    ]


def prune_artifacts(engine: sa.Engine, retention: Retention, dry_run: bool) -> tuple[int, int]:
    """Delete the bytes of stored logs that `retention` does not keep; their rows stay, with the time.

    Returns how many, and their bytes as stored. Raises `FailureError`, after everything else was deleted, where an
    object store cannot be reached: its rows are as before.
    """
    table = ArtifactRetention(engine)
    if dry_run:
        return table.count(retention)
    count = size = 0
    failed: dict[str, str] = {}
    while batch := table.next_batch(retention, but=sorted(failed)):
        table.mark_pruned(batch)
        for url in sorted({row.store for row in batch} - {IN_POSTGRES}):
            try:
                _delete(
                    url, {row.digest for row in batch if row.store == url} - table.shared_digests(url, batch)
                )
            except WorkerError as error:
                failed[url] = str(error)
                table.unmark(url, batch)
        deleted = [row for row in batch if row.store not in failed]
        count += len(deleted)
        size += sum(row.stored_size for row in deleted)
    if failed:
        reasons = "; ".join(failed.values())
        raise FailureError(f"{count} stored files were deleted; these stores cannot be reached: {reasons}")
    return count, size


def _delete(url: str, digests: set[str]) -> None:
    store = store_at(url)
    for digest in sorted(digests):
        store.delete(digest, written_before_seconds=UPLOAD_PATIENCE_SECONDS)
