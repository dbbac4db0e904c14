"""`bench cleanup`: what killed workers and farms left behind."""

from collections import Counter

import click

from bench.cli.session import home_here, note
from planner.cli.formats import Answer, Output, json_value, output_options
from planner.cli.output import echo
from planner.cli.tables import rows_markdown


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@output_options()
def cleanup(dry_run: bool, output: Output) -> None:
    """Remove stale workcells, mirrors, set-ups and sockets of this machine; no archive is touched.

    Workcells whose worker is dead, with what still runs in them; mirrors that hold nothing, or that nothing has
    used for 14 days, and what killed fetches left in the others; Git LFS contents and what set-ups left,
    likewise; archives that never became whole; socket directories in which no server answers; what still runs
    of farms whose directory was deleted.
    What a living process owns stays. It may run at any time, also twice at once.

    \b
    Example:
      bench cleanup --dry-run
    """
    from bench.embedded.farm import EmbeddedFarm
    from bench.embedded.leftovers import deleted_farms, stale_sockets
    from workers.execution.leftovers import (
        half_archives,
        stale_mirrors,
        stale_objects,
        stale_setups,
        stale_workcells,
    )
    from workers.settings import WorkerSettings

    settings, remove = WorkerSettings.from_environment(), not dry_run
    work_dir = settings.work_dir
    found = [
        *stale_workcells(work_dir, remove=remove),
        *stale_mirrors(work_dir, remove=remove),
        *stale_objects(work_dir, remove=remove),
        *stale_setups(work_dir, remove=remove),
        *half_archives(settings.archives_dir, remove=remove),
        *deleted_farms(remove=remove),
        *stale_sockets(EmbeddedFarm(home_here().root), remove=remove),
    ]
    verb = "would be removed" if dry_run else "removed"
    rows = [
        {"kind": one.kind, "path": str(one.path), "bytes": one.size, "is_removed": remove} for one in found
    ]
    lines = [f"{verb}: {one.kind} {one.path} ({one.size / 1e6:.1f} MB)" for one in found]
    output.show(
        Answer(lambda: rows, lambda: _print(lines), lambda: rows_markdown({"left": rows}, json_value))
    )
    counts = Counter(one.kind for one in found)
    told = ", ".join(f"{n} {kind}" for kind, n in counts.items()) or "nothing"
    note(f"{told} {verb} ({sum(one.size for one in found) / 1e6:.1f} MB)")


def _print(lines: list[str]) -> None:
    for line in lines:
        echo(line)
