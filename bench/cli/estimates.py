"""`bench estimates`: the stored estimates that the report views read."""

import click

from bench.cli.reports import BENCH
from bench.cli.session import note, open_farm


@click.group()
def estimates() -> None:
    """Update the estimates in the SQL report views."""


@estimates.command()
@BENCH
def publish(bench_id: str | None) -> None:
    """Store the estimates of a bench for the report views.

    The views are report.arm_judgements, report.winner_sets, report.policy_values and report.oracle_brackets.

    Without BENCH_ID, for every decided bench whose estimates are missing, or older than its last outcome or scored
    policy; suitable for a cron job. The report commands do the same for a decided bench when they show it.

    \b
    Examples:
      bench estimates publish
      bench estimates publish b-20260131-k3f9q
    """
    from bench.results.publish import publish_estimates
    from db.repositories.estimates import Estimates

    with open_farm() as farm:
        wanted = [bench_id] if bench_id else Estimates(farm.engine).due()
        for due_id in wanted:
            publish_estimates(farm.engine, due_id)
            note(f"{due_id}: estimates published")
    if not wanted:
        note("all estimates are up to date")
