"""`bench cleanup`: remove the leftovers of killed workers and farms."""

from collections import Counter
from pathlib import Path

import click

from bench.cli.session import home_here, note
from planner.cli.formats import Answer, Output, json_value, output_options
from planner.cli.output import echo
from planner.cli.tables import rows_markdown


@click.command()
@click.option("--dry-run", is_flag=True, help="List what would be removed; remove nothing.")
@output_options()
def cleanup(dry_run: bool, output: Output) -> None:
    """Remove what killed workers and farms left on this machine.

    \b
    It removes:
      - workcells of dead workers, and the processes and containers in them
      - mirrors, Git LFS files and set-ups that are unused for 14 days
      - empty mirrors, and partial fetches and downloads
      - incomplete archives (complete ones are never touched)
      - socket directories without a server
      - processes of farms whose directory was deleted

    Whatever a living process owns is kept. Safe to run at any time, also concurrently.

    \b
    Example:
      bench cleanup --dry-run
    """
    from bench.embedded.farm import EmbeddedFarm
    from bench.embedded.leftovers import deleted_farms, stale_sockets
    from workers.containers.sweep import clear_containers
    from workers.execution.leftovers import (
        Leftover,
        half_archives,
        stale_mirrors,
        stale_objects,
        stale_setups,
        stale_workcells,
    )
    from workers.settings import WorkerSettings

    settings, remove = WorkerSettings.from_environment(with_secrets=False), not dry_run
    work_dir = settings.work_dir
    leftovers = [
        *stale_workcells(work_dir, remove=remove),
        *(Leftover("container", Path(each), 0) for each in clear_containers(settings, remove=remove)),
        *stale_mirrors(work_dir, remove=remove),
        *stale_objects(work_dir, remove=remove),
        *stale_setups(work_dir, remove=remove),
        *half_archives(settings.archives_dir, remove=remove),
        *deleted_farms(remove=remove),
        *stale_sockets(EmbeddedFarm(home_here().root), remove=remove),
    ]
    verb = "would be removed" if dry_run else "removed"
    rows = [
        {"kind": leftover.kind, "path": str(leftover.path), "bytes": leftover.size, "is_removed": remove}
        for leftover in leftovers
    ]
    lines = [
        f"{verb}: {leftover.kind} {leftover.path} ({leftover.size / 1e6:.1f} MB)" for leftover in leftovers
    ]
    output.show(
        Answer(lambda: rows, lambda: _print(lines), lambda: rows_markdown({"left": rows}, json_value))
    )
    counts = Counter(leftover.kind for leftover in leftovers)
    summary = ", ".join(f"{n} {kind}" for kind, n in counts.items()) or "nothing"
    note(f"{summary} {verb} ({sum(leftover.size for leftover in leftovers) / 1e6:.1f} MB)")


def _print(lines: list[str]) -> None:
    for line in lines:
        echo(line)
