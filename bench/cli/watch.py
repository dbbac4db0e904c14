"""`bench watch`."""

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
    """Follow a bench until it is over: cases, spend against caps, throughput, time left.

    Without BENCH_ID the newest one. Ctrl-C detaches, the bench goes on. A bench that is not over needs a coordinator
    and a worker: where they do not run, they are started.
    """
    with open_farm() as farm:
        bench_id = bench_id or Benches(farm.engine).latest()
        if not read_progress(farm, bench_id).over:
            # Nothing but these brings it to its end.
            farm.start_parts()
        return follow(farm, bench_id, output)
