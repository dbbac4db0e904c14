"""`bench archives`: copy, restore and prune the archives of workcells."""

import os
import re
from pathlib import Path

import click

from bench.cli.answers import show_answer
from bench.cli.session import home_here, note, open_farm
from bench.cli.suggestions import bench_ids
from bench.errors import BenchError
from bench.terminal import table
from planner.cli.formats import Output, output_options


def archives_directory() -> Path:
    """The archive directory: `BENCH_ARCHIVES_DIR`, by default that of the embedded farm."""
    return Path(os.environ.get("BENCH_ARCHIVES_DIR") or home_here().root / "archives")


@click.group()
def archives() -> None:
    """Copy, restore and prune the archives of workcells.

    A workcell is the check-out and sandbox of one candidate. Its archive has manifest, proof, rollout, patch and logs.
    """


@archives.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--bench", "bench_id", shell_complete=bench_ids, help="Copy only the archives of this bench.")
def export(target: Path, bench_id: str | None) -> None:
    """Copy archives to the directory TARGET.

    Archives that TARGET has already are not changed.

    \b
    Example:
      bench archives export /mnt/backup --bench b-20260131-k3f9q
    """
    from bench.results.archives import export_archives

    copied, known = export_archives(archives_directory(), target, bench_id)
    note(f"{copied} archives copied to {target}, {known} were there already")


@archives.command()
@click.argument("target", type=click.Path(path_type=Path), required=False)
def restore(target: Path | None) -> None:
    """Rebuild missing archives from the database.

    Manifest, proof and rollout are restored unchanged, so a dataset built from them has the same hash. Patches and
    logs are not in the database. TARGET is the farm's archive directory by default; archives that it has already
    are not changed.

    \b
    Example:
      bench archives restore recovered/
      planner build-dataset --archives recovered/ --out data
    """
    from bench.results.archives import restore_archives

    target = archives_directory() if target is None else target
    with open_farm() as farm:
        restored = restore_archives(farm.engine, target)
    note(f"{restored.written} archives written to {target}, {restored.known} were there already")
    if restored.refused:
        names = ", ".join(name[:80] for name in restored.refused[:5])
        note(f"{len(restored.refused)} not written, the recorded name is not a valid archive name: {names}")
    if restored.lost:
        note(
            f"{len(restored.lost)} not written, the database has only a part: {', '.join(restored.lost[:5])}"
        )


@archives.command()
@click.argument("workcell", required=False)
@output_options("steps")
def conversation(output: Output, workcell: str | None) -> None:
    """Show what an agent and its model said, step by step.

    WORKCELL is the name of an archive, by default the newest with a conversation. With -o json the answer is the whole
    ATIF trajectory; the table shortens long texts.

    \b
    Example:
      bench archives conversation x2-a1-c0-ec14d979
      bench archives conversation -o json > conversation.json
    """
    from bench.results.conversations import conversation_in, shortened, step_rows

    name, document = conversation_in(archives_directory(), workcell)
    rows = step_rows(document)
    columns = ("step>", "agent", "source", "message", "tool calls", "results", "cost>")
    cells = [
        (
            row["step"],
            row["agent"],
            row["source"],
            shortened(row["message"]),
            shortened(row["tool_calls"]),
            shortened(row["results"]),
            "" if row["usd"] is None else f"${row['usd']:.4f}",
        )
        for row in rows
    ]
    show_answer(output, lambda: document, lambda: [table(name, columns, cells)], lambda: {"steps": rows})


@archives.command()
@click.option("--older-than", "age", required=True, metavar="AGE", help="Age in days or hours: 14d or 12h.")
@click.option("--dry-run", is_flag=True, help="Count what would be deleted; delete nothing.")
def prune(age: str, dry_run: bool) -> None:
    """Delete the logs of old archives.

    Files that datasets are built from are always kept.

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
        raise BenchError(f"--older-than: {age!r} is not an age; give days or hours, such as 14d or 12h")
    return int(match[1]) * {"d": 86400.0, "h": 3600.0}[match[2]]
