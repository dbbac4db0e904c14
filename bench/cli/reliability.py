"""`bench reliability`: what comes of running an action again, or for longer."""

import click

from bench.cli.answers import show_answer
from bench.cli.reports import BENCH
from bench.cli.session import open_farm
from db.repositories.benches import Benches
from planner.cli.formats import Output, output_options


@click.command()
@BENCH
@click.option(
    "--k",
    "ks",
    type=click.IntRange(min=2),
    multiple=True,
    metavar="N",
    help="How many runs of an arm: 2 unless named; may be repeated.",
)
@click.option(
    "--within",
    "times",
    type=click.IntRange(min=1),
    multiple=True,
    metavar="MIN",
    help="Planned minutes: the budgets of actions up to the largest tried unless named; may be repeated.",
)
@output_options("actions", "passed_within")
def reliability(bench_id: str | None, ks: tuple[int, ...], times: tuple[int, ...], output: Output) -> None:
    """Say how surely actions pass when they are run again, and how many runs would pass with more minutes.

    pass@k is the chance that at least one of k runs of an arm passes, pass^k that all of them do; both need arms
    that ran k times (--replicates). The second table asks how many runs pass within so many minutes, were no budget
    in the way (Kaplan-Meier): a run that its budget ended counts as not passed up to there, and no further. Intervals
    are over issues. Without BENCH_ID the newest bench.

    \b
    Examples:
      bench reliability
      bench reliability b-20260131-k3f9q --k 2 --k 3 --within 30
    """
    from bench.results.reliability import read_reliability
    from bench.results.reliability_show import reliability_document, reliability_parts

    with open_farm() as farm:
        bench_id = bench_id or Benches(farm.engine).latest()
        found = read_reliability(farm.engine, bench_id, sorted(set(ks or (2,))), sorted(set(times)))
    show_answer(output, lambda: reliability_document(str(bench_id), found), lambda: reliability_parts(found))
