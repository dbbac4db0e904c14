"""`bench drift`: canary cells compared over time, and flaky gates."""

from datetime import UTC, datetime

import click

from bench.cli.answers import show_answer
from bench.cli.session import open_farm
from planner.cli.formats import Output, output_options
from planner.cli.progress import progress
from planner.cli.regression import fail_on_regression, regression_code


@click.command()
@click.option(
    "--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="How many days to look back."
)
@output_options("by_version", "by_day", "versions", "gates")
@fail_on_regression("Exit with code 3 where a canary passes significantly less often than before.")
def drift(days: int, output: Output, fail_on_regression: bool) -> int:
    """Show whether the same work still gives the same results.

    A canary is a cell (issue, commit, workcell, action) that ran on several days or with several toolchain versions.
    Within cells, each version is compared with the one before it, and the newest day with all earlier days. Gates
    with two results on the same files are counted as flaky, where failing gates run again (workcell.flaky_reruns).

    Exit code 3, with --fail-on-regression only: a newer version, or the newest day, passes less often.

    \b
    Examples:
      bench drift --days 30
      bench drift --fail-on-regression
    """
    from bench.results.drift import is_judged, read_drift, worsened
    from bench.results.drift_show import drift_parts
    from bench.results.plain import plain

    with progress("measuring drift"), open_farm() as farm:
        report = read_drift(farm.engine, days, datetime.now(UTC).date())
    show_answer(output, lambda: plain(report), lambda: drift_parts(report))
    return regression_code(worsened(report), is_judged=is_judged(report)) if fail_on_regression else 0
