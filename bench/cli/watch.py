"""`bench watch`."""

import click

from bench.cli.follow import follow
from bench.cli.session import open_farm
from db.repositories.benches import Benches


@click.command()
@click.argument("bench_id", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the bench summary document at the end.")
def watch(bench_id: str | None, as_json: bool) -> int:
    """Follow a bench until it is over: cases, spend against caps, throughput, time left.

    Without BENCH_ID the newest one. Ctrl-C detaches, the bench goes on.
    """
    with open_farm() as farm:
        farm.start_parts()
        return follow(farm, bench_id or Benches(farm.engine).latest(), as_json=as_json)
