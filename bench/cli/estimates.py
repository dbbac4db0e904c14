"""`bench estimates`: what SQL reads of policies, winners and regret."""

import click

from bench.cli.reports import BENCH
from bench.cli.session import note, open_farm


@click.group()
def estimates() -> None:
    """Keep the estimates in the report views up to date."""


@estimates.command()
@BENCH
def publish(bench_id: str | None) -> None:
    """Compute the estimates of a bench and store them for report.arm_judgements, winner_sets, policy_values and
    oracle_brackets.

    Without BENCH_ID every decided bench whose stored estimates are missing, or older than its last outcome or
    scored policy: right for a cron job. The reports of a decided bench do the same for that bench.

    \b
    Example:
      bench estimates publish b-20260131-k3f9q
    """
    from bench.results.publish import publish_estimates
    from db.repositories.estimates import Estimates

    with open_farm() as farm:
        wanted = [bench_id] if bench_id else Estimates(farm.engine).due()
        for one in wanted:
            publish_estimates(farm.engine, one)
            note(f"{one}: estimates published")
    if not wanted:
        note("all estimates are current")
