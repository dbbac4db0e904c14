"""`bench resume`, `bench cancel`, `bench caps`: change benches that were submitted."""

import click

from bench.cli.answers import REPORT_TABLES
from bench.cli.session import note, open_farm
from bench.cli.suggestions import bench_ids
from bench.config.errors import ConfigError
from bench.steering import cancel_bench, cap_changes, daily_cap, resume_bench, set_daily_cap
from planner.cli.formats import Output, output_options
from planner.cli.numbers import FiniteRange


@click.command()
@click.argument("bench_id", shell_complete=bench_ids)
@click.option("--max-usd", type=FiniteRange(0, 1e9), help="New cap on the spend of the bench, in dollars.")
@click.option("--max-minutes", type=FiniteRange(0, 1e9), help="New cap on its worker time, in minutes.")
@click.option(
    "--max-executions", type=click.IntRange(1, 2**31 - 1), help="New cap on its number of executions."
)
@click.option("--wait", is_flag=True, help="Follow the bench until it is over.")
@output_options(*REPORT_TABLES, json_help="The same as -o json: with --wait the bench summary document.")
def resume(
    bench_id: str,
    max_usd: float | None,
    max_minutes: float | None,
    max_executions: int | None,
    wait: bool,
    output: Output,
) -> int | None:
    """Continue a bench that was halted, or has skipped cases.

    Cases are skipped when a cap of the bench is reached: raise it with an option. A case whose set-up failed has the
    state error: it is checked again. A cancelled bench cannot be resumed.

    \b
    Example:
      bench resume b-20260131-k3f9q --max-usd 50 --wait
    """
    from bench.cli.follow import follow

    if not wait and not output.is_for_people:
        raise click.UsageError(f"-o {output.form} needs --wait: without it there is no answer to show")
    limits = cap_changes(max_usd, max_minutes, max_executions)
    with open_farm() as farm:
        is_open, done = resume_bench(farm.engine, bench_id, limits)
        note(done)
        if is_open:
            farm.start_parts()
        return follow(farm, bench_id, output) if wait else None


@click.command()
@click.argument("bench_id", shell_complete=bench_ids)
def cancel(bench_id: str) -> None:
    """Cancel a bench, and stop its running executions.

    Executions that wait are dropped, running ones stop within a heartbeat. Spend stays recorded, and finished cases
    keep their winners.

    \b
    Example:
      bench cancel b-20260131-k3f9q
    """
    with open_farm() as farm:
        done = cancel_bench(farm.engine, bench_id)
    note(done)


@click.command()
@click.option(
    "--daily-usd",
    metavar="AMOUNT",
    help="Most dollars that the farm spends in a day (UTC), or none for no cap.",
)
def caps(daily_usd: str | None) -> None:
    """Set the daily cap on the spend of the whole farm.

    The cap applies at once, so it is also an emergency brake. Where it is below the spent and reserved money of the
    day, nothing that costs money starts, admitted executions wait again, and running executions beyond the cap stop
    within a heartbeat, the youngest first. Their spend stays recorded. They run again, without using up a retry, when
    the cap is raised or on the next day.

    \b
    Examples:
      bench caps --daily-usd 200
      bench caps --daily-usd 0
    """
    if daily_usd is None:
        raise click.UsageError("give --daily-usd AMOUNT, or --daily-usd none")
    try:
        limit = daily_cap(daily_usd)
    except ConfigError as error:
        raise click.BadParameter(str(error), param_hint="--daily-usd") from error
    with open_farm(create=True) as farm:
        lines = set_daily_cap(farm.engine, limit, daily_usd)
    for line in lines:
        note(line)
