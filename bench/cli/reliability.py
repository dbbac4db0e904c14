"""`bench reliability`: pass@k, pass^k and time to pass."""

import click

from bench.cli.answers import show_answer
from bench.cli.reports import BENCH
from bench.cli.session import open_farm
from db.repositories.benches import Benches
from planner.cli.formats import Output, output_options
from planner.cli.progress import progress


@click.command()
@BENCH
@click.option(
    "--k",
    "ks",
    type=click.IntRange(min=2),
    multiple=True,
    metavar="N",
    help="Number of runs of an arm; may be repeated.  [default: 2]",
)
@click.option(
    "--within",
    "times",
    type=click.IntRange(min=1),
    multiple=True,
    metavar="MIN",
    help="Planned minutes; may be repeated.  [default: the minutes of actions, up to the largest tried]",
)
@output_options("actions", "passed_within")
def reliability(bench_id: str | None, ks: tuple[int, ...], times: tuple[int, ...], output: Output) -> None:
    """Show how often actions pass if repeated or given more time.

    pass@k is the probability that at least one of k runs of an arm passes, pass^k that all of them do; both need arms
    that ran k times (--replicates). Arms count by the inverse of their probability to be drawn, and the rates of single
    actions are pooled partially. The second table shows the share of runs that would pass within a number of
    minutes without a budget (Kaplan-Meier): a run that its budget ended is censored there. Intervals are over issues.
    BENCH_ID is the newest bench by default.

    \b
    Examples:
      bench reliability
      bench reliability b-20260131-k3f9q --k 2 --k 3 --within 30
    """
    from bench.results.reliability import read_reliability
    from bench.results.reliability_show import reliability_document, reliability_parts

    with progress("measuring reliability"), open_farm() as farm:
        bench_id = bench_id or Benches(farm.engine).latest()
        result = read_reliability(farm.engine, bench_id, sorted(set(ks or (2,))), sorted(set(times)))
    show_answer(
        output, lambda: reliability_document(str(bench_id), result), lambda: reliability_parts(result)
    )
