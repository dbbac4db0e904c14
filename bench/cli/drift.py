"""`bench drift`: whether the farm still measures what it measured."""

from datetime import UTC, datetime

import click

from bench.cli.answers import show_answer
from bench.cli.session import open_farm
from planner.cli.formats import Output, output_options
from planner.cli.regression import fail_on_regression, regression_code


@click.command()
@click.option(
    "--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="How far to look back."
)
@output_options("by_version", "by_day", "versions", "gates")
@fail_on_regression("Exit with 3 where a canary passes less often than before, and the test shows it.")
def drift(days: int, output: Output, fail_on_regression: bool) -> int:
    """Say whether the same cells still come to the same, and how often gates waver.

    A canary is a cell (issue, commit, workcell, action) that ran on several days or under several toolchain
    versions. Each version is compared with the one before it, and the newest day with all before, within cells.
    Gates are judged where failing ones are run again (workcell.flaky_reruns).

    Exit code 3, with --fail-on-regression only: a newer version, or the newest day, passes less often.

    \b
    Example:
      bench drift --days 30
      bench drift --fail-on-regression
    """
    from bench.results.drift import is_judged, read_drift, worsened
    from bench.results.drift_show import drift_parts
    from bench.results.plain import plain

    with open_farm() as farm:
        found = read_drift(farm.engine, days, datetime.now(UTC).date())
    show_answer(output, lambda: plain(found), lambda: drift_parts(found))
    return regression_code(worsened(found), is_judged=is_judged(found)) if fail_on_regression else 0
