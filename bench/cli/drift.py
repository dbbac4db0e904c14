"""`bench drift`: whether the farm still measures what it measured."""

from datetime import UTC, datetime

import click

from bench.cli.reports import JSON
from bench.cli.session import open_farm
from bench.terminal import show, show_json


@click.command()
@click.option(
    "--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="How far to look back."
)
@JSON
def drift(days: int, as_json: bool) -> None:
    """Say whether the same cells still come to the same, and how often gates waver.

    A canary is a cell (issue, commit, workcell, action) that ran on several days or under several toolchain
    versions. Each version is compared with the one before it, and the newest day with all before, within cells.
    Gates are judged where failing ones are run again (workcell.flaky_reruns).

    \b
    Example:
      bench drift --days 30
    """
    from bench.results.drift import read_drift
    from bench.results.drift_show import drift_parts
    from bench.results.plain import plain

    with open_farm() as farm:
        found = read_drift(farm.engine, days, datetime.now(UTC).date())
    show_json(plain(found)) if as_json else show(*drift_parts(found))
