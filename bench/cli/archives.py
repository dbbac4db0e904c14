"""`bench archives`: what workcells left."""

import os
import re
from pathlib import Path

import click

from bench.cli.session import home_here, note, open_farm
from bench.cli.suggestions import bench_ids
from bench.errors import BenchError


def archives_directory() -> Path:
    """`BENCH_ARCHIVES_DIR`, else the embedded farm's."""
    return Path(os.environ.get("BENCH_ARCHIVES_DIR") or home_here().root / "archives")


@click.group()
def archives() -> None:
    """What the workcells left: manifest, proof, rollout, patch, logs."""


@archives.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--bench", "bench_id", shell_complete=bench_ids, help="Only the workcells of this bench.")
def export(target: Path, bench_id: str | None) -> None:
    """Copy archives to another directory; those that are there already are left alone."""
    from bench.results.archives import export_archives

    copied, known = export_archives(archives_directory(), target, bench_id)
    note(f"{copied} archives copied to {target}, {known} were there")


@archives.command()
@click.argument("target", type=click.Path(path_type=Path), required=False)
def restore(target: Path | None) -> None:
    """Write archives that are missing again, as far as the database knows them.

    Manifest, proof and rollout come back as they were, so a dataset built from them has the same hash; patches
    and logs do not. Without TARGET they go where the farm's archives are. What is there already is left alone.

    \b
    Example:
      bench archives restore recovered/
      planner build-dataset --archives recovered/ --out data
    """
    from bench.results.archives import restore_archives

    target = archives_directory() if target is None else target
    with open_farm() as farm:
        found = restore_archives(farm.engine, target)
    note(f"{found.written} archives written to {target}, {found.known} were there")
    if found.refused:
        names = ", ".join(name[:80] for name in found.refused[:5])
        note(
            f"{len(found.refused)} were recorded under a name that is none, and nothing was written: {names}"
        )
    if found.lost:
        note(f"{len(found.lost)} were recorded with less than an archive needs: {', '.join(found.lost[:5])}")


@archives.command()
@click.option("--older-than", "age", required=True, metavar="AGE", help="Such as 14d or 12h.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def prune(age: str, dry_run: bool) -> None:
    """Delete logs of old archives; the files that datasets are rebuilt from always stay.

    \b
    Example:
      bench archives prune --older-than 14d
    """
    from bench.results.archives import prune_logs

    count, size = prune_logs(archives_directory(), _seconds(age), dry_run)
    would = "would be" if dry_run else "were"
    note(f"logs of {count} archives {would} deleted ({size / 1e6:.1f} MB)")


def _seconds(age: str) -> float:
    match = re.fullmatch(r"(\d{1,6})([dh])", age)
    if match is None:
        raise BenchError(f"--older-than: {age!r} is no age; write 14d or 12h")
    return int(match[1]) * {"d": 86400.0, "h": 3600.0}[match[2]]
