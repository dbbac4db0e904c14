"""`bench watch`: follow a bench live."""

import click

from bench.cli.answers import REPORT_TABLES
from bench.cli.follow import follow, read_progress
from bench.cli.session import open_farm
from bench.cli.suggestions import bench_ids
from db.repositories.benches import Benches
from planner.cli.formats import Output, output_options


@click.command()
@click.argument("bench_id", required=False, shell_complete=bench_ids)
@output_options(*REPORT_TABLES, json_help="The same as -o json: the bench summary document at the end.")
def watch(bench_id: str | None, output: Output) -> int:
    """Follow a bench until it is over.

    Shows cases, spend against caps, throughput and time left. Starts coordinator and worker where the bench needs
    them and they do not run. Ctrl-C detaches, the bench continues. The exit code is 4 where nothing ran, because every
    case was skipped or could not be benched. BENCH_ID is the newest bench by default.

    \b
    Example:
      bench watch
    """
    with open_farm() as farm:
        bench_id = bench_id or Benches(farm.engine).latest()
        if not read_progress(farm, bench_id).over:
            # Without them the bench would never end.
            farm.start_parts()
        return follow(farm, bench_id, output)
