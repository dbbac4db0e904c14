"""`bench archives`: copy, restore and prune the archives of workcells."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.session import home_here, note, open_farm
from bench.cli.suggestions import bench_ids
from bench.errors import BenchError
from db.repositories.benches import Benches
from planner.cli.progress import progress

if TYPE_CHECKING:
    from bench.results.archives import Restored


def archives_directory() -> Path:
    """The archive directory: `BENCH_ARCHIVES_DIR`, by default that of the embedded farm."""
    return Path(os.environ.get("BENCH_ARCHIVES_DIR") or home_here().root / "archives")


@click.group()
def archives() -> None:
    """Copy, restore and prune the archives of workcells.

    A workcell is the check-out and sandbox of one candidate. Its archive has manifest, proof, rollout, patch and logs.
    """


def has_farm() -> bool:
    """Whether this environment names a fleet, or this directory has an embedded farm."""
    return bool(os.environ.get("BENCH_DATABASE_URL")) or home_here().exists


@archives.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--bench", "bench_id", shell_complete=bench_ids, help="Export only the archives of this bench.")
def export(target: Path, bench_id: str | None) -> None:
    """Write archives to the directory TARGET, from any machine.

    Archives of this machine are copied; those of other machines, lost ones included, are rebuilt from the database
    and the artifact store, with patch, logs and conversation. Archives that TARGET has already are not changed.

    \b
    Example:
      bench archives export /mnt/backup --bench b-20260131-k3f9q
    """
    from bench.results.archives import export_archives, restore_archives

    source, in_farm = archives_directory(), has_farm()
    copied, known = 0, 0
    if in_farm and bench_id is not None:
        with open_farm() as farm:
            Benches(farm.engine).get(bench_id)
    if source.is_dir() or not in_farm:
        with progress("copying archives") as bar:
            copied, known = export_archives(source, target, bench_id, bar)
    if in_farm:
        with progress("restoring archives") as bar, open_farm() as farm:
            restored = restore_archives(farm.engine, target, bench_id, bar)
        note(
            f"{copied} archives copied to {target}, {restored.written} rebuilt from the database, "
            f"{restored.known - copied} were there already"
        )
        _note_gaps(restored)
    else:
        note(f"{copied} archives copied to {target}, {known} were there already")


@archives.command()
@click.argument("target", type=click.Path(path_type=Path), required=False)
def restore(target: Path | None) -> None:
    """Rebuild missing archives from the database.

    Manifest, proof and rollout are restored unchanged, so a dataset built from them has the same hash. Patch, logs and
    conversation are restored, too, as far as the artifact store kept them. TARGET is the farm's archive directory by
    default. Of archives that it has already only missing logs and conversations are added; no file is changed.

    \b
    Example:
      bench archives restore recovered/
      planner build-dataset --archives recovered/ --out data
    """
    from bench.results.archives import restore_archives

    target = archives_directory() if target is None else target
    with progress("restoring archives") as bar, open_farm() as farm:
        restored = restore_archives(farm.engine, target, progress=bar)
    added = f" ({restored.added} got missing files back)" if restored.added else ""
    note(f"{restored.written} archives written to {target}, {restored.known} were there already{added}")
    _note_gaps(restored)


def _note_gaps(restored: "Restored") -> None:
    """Notes of what could not be restored, with a few names each."""
    if restored.refused:
        names = ", ".join(name[:80] for name in restored.refused[:5])
        note(f"{len(restored.refused)} not written, the recorded name is not a valid archive name: {names}")
    if restored.lost:
        lost = ", ".join(restored.lost[:5])
        note(f"{len(restored.lost)} not written, the database has only a part: {lost}")
    if restored.incomplete:
        note(f"{len(restored.incomplete)} files are missing: {'; '.join(restored.incomplete[:3])}")


@archives.command()
@click.option("--older-than", "age", metavar="AGE", help="Age in days or hours: 14d or 12h.")
@click.option(
    "--max-size", metavar="SIZE", help="Keep at most so many bytes, the newest: 500MB or 20GB; of each place."
)
@click.option("--conversations", is_flag=True, help="Delete stored conversations, too.")
@click.option("--dry-run", is_flag=True, help="Count what would be deleted; delete nothing.")
def prune(age: str | None, max_size: str | None, conversations: bool, dry_run: bool) -> None:
    """Delete old logs, on this machine and in the artifact store.

    Patches, and files that datasets are built from, are always kept.

    \b
    Examples:
      bench archives prune --older-than 14d
      bench archives prune --max-size 20GB --dry-run
    """
    from bench.results.retention import prune_artifacts, prune_logs
    from db.repositories.artifact_retention import Retention

    if age is None and max_size is None:
        raise BenchError("give --older-than, --max-size or both")
    seconds = None if age is None else _seconds(age)
    max_bytes = None if max_size is None else _bytes(max_size)
    would, directory, in_farm = "would be" if dry_run else "were", archives_directory(), has_farm()
    if directory.is_dir() or not in_farm:
        with progress("pruning logs") as bar:
            count, size = prune_logs(directory, seconds, dry_run, max_bytes, bar)
        note(f"logs of {count} archives {would} deleted ({_size_text(size)})")
    if in_farm:
        with progress("pruning stored files"), open_farm() as farm:
            retention = Retention(seconds, max_bytes, conversations)
            count, size = prune_artifacts(farm.engine, retention, dry_run)
        note(f"{count} stored files {would} deleted ({_size_text(size)})")


def _size_text(size: int) -> str:
    return f"{size / 1e3:.1f} kB" if size < 100_000 else f"{size / 1e6:.1f} MB"


def _seconds(age: str) -> float:
    match = re.fullmatch(r"(\d{1,6})([dh])", age)
    if match is None:
        raise BenchError(f"--older-than: {age!r} is not an age; give days or hours, such as 14d or 12h")
    return int(match[1]) * {"d": 86400.0, "h": 3600.0}[match[2]]


def _bytes(size: str) -> int:
    match = re.fullmatch(r"(\d{1,9})(MB|GB|TB)", size)
    if match is None:
        raise BenchError(f"--max-size: {size!r} is not a size; give it in MB, GB or TB, such as 500MB")
    return int(match[1]) * {"MB": 10**6, "GB": 10**9, "TB": 10**12}[match[2]]
