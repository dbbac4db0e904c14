"""`bench resume`, `bench cancel`, `bench caps`."""

import click

from bench.cli.answers import REPORT_TABLES
from bench.cli.session import note, open_farm
from bench.cli.suggestions import bench_ids
from bench.config.money import to_micro_usd
from db.repositories.benches import Benches, CapChanges
from planner.cli.formats import Output, output_options
from planner.cli.numbers import FiniteRange


@click.command()
@click.argument("bench_id", shell_complete=bench_ids)
@click.option("--max-usd", type=FiniteRange(0, 1e9), help="A new cap on the dollars of the bench.")
@click.option("--max-minutes", type=FiniteRange(0, 1e9), help="A new cap on its worker-minutes.")
@click.option("--max-executions", type=click.IntRange(1, 2**31 - 1), help="A new cap on its executions.")
@click.option("--wait", is_flag=True, help="Watch until it is finished.")
@output_options(*REPORT_TABLES, json_help="The same as -o json: with --wait the bench summary document.")
def resume(
    bench_id: str,
    max_usd: float | None,
    max_minutes: float | None,
    max_executions: int | None,
    wait: bool,
    output: Output,
) -> int | None:
    """Go on with a bench that was halted, or whose caps skipped cases.

    \b
    Example:
      bench resume b-20260131-k3f9q --max-usd 50 --wait
    """
    from bench.cli.follow import follow

    if not wait and not output.is_for_people:
        raise click.UsageError(f"-o {output.form} goes with --wait: nothing else is shown")
    limits = CapChanges(
        micro_usd=None if max_usd is None else to_micro_usd(max_usd),
        ms=None if max_minutes is None else int(max_minutes * 60_000),
        executions=max_executions,
    )
    with open_farm() as farm:
        benches = Benches(farm.engine)
        benches.get(bench_id)
        returned = benches.resume(bench_id, limits)
        note(f"bench {bench_id} goes on; {returned} skipped cases are back")
        farm.start_parts()
        return follow(farm, bench_id, output) if wait else None


@click.command()
@click.argument("bench_id", shell_complete=bench_ids)
def cancel(bench_id: str) -> None:
    """Cancel a bench: what has not run is dropped, what runs is stopped within a heartbeat.

    What was spent stays recorded, finished cases keep their winners.
    """
    with open_farm() as farm:
        benches = Benches(farm.engine)
        benches.get(bench_id)
        running = benches.cancel(bench_id)
    note(
        f"bench {bench_id} is cancelled"
        + (f"; {running} running executions are told to stop" if running else "")
    )


@click.command()
@click.option("--daily-usd", help="Dollars the whole farm may spend a day (UTC), or `none`.")
def caps(daily_usd: str | None) -> None:
    """Set the farm-wide cap of a day. It holds at once, which makes it the emergency brake.

    Below what is spent and set aside today, nothing that costs money starts any more, what was admitted waits again,
    and what runs beyond the cap hands its work back within a heartbeat, the youngest first. What that spent stays
    recorded; it runs again, at no retry, once the cap is raised or the next day has room for it.

    \b
    Examples:
      bench caps --daily-usd 200
      bench caps --daily-usd 0
    """
    if daily_usd is None:
        raise click.UsageError("give --daily-usd AMOUNT, or --daily-usd none")
    limit = None if daily_usd == "none" else to_micro_usd(daily_usd)
    with open_farm(create=True) as farm:
        braked = Benches(farm.engine).set_daily_cap(limit)
    note("the farm has no daily cap" if limit is None else f"the farm spends at most ${daily_usd} a day")
    if any(braked):
        note(
            f"{braked.taken_back} admitted executions wait again, {braked.stopped} running ones are told to stop;"
            " they go on once the cap allows"
        )
