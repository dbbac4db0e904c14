"""`bench power`: what a difference needs, before money is spent."""

from typing import TYPE_CHECKING

import click

from bench.cli.answers import show_answer
from bench.cli.session import open_farm
from bench.cli.suggestions import bench_ids
from planner.cli.formats import Output, output_options
from planner.cli.numbers import FiniteRange

if TYPE_CHECKING:
    from bench.results.power import Basis

ISSUES = (25, 50, 100, 200, 400)
REPLICATES = (1, 2, 3)
_VARIANCE = FiniteRange(min=0, max=0.25)
POOL_EPOCHS = click.option(
    "--pool-epochs", is_flag=True, help="Take benches together that ran under different rules or versions."
)


@click.command()
@click.option(
    "--difference",
    type=FiniteRange(min=0, min_open=True, max=100),
    metavar="POINTS",
    help="The difference of pass rates to be found, in percentage points.",
)
@click.option(
    "--from",
    "bench_ids",
    multiple=True,
    metavar="BENCH_ID",
    shell_complete=bench_ids,
    help="Take variances and costs from this bench: the newest with replicates unless named; may be repeated.",
)
@POOL_EPOCHS
@click.option("--within", type=_VARIANCE, help="State the variance of a run about its arm's own pass rate.")
@click.option("--interaction", type=_VARIANCE, help="State the variance of issue×action effects.")
@click.option("--issues", type=click.IntRange(min=2), multiple=True, help="Sizes to show; may be repeated.")
@click.option(
    "--replicates", type=click.IntRange(min=1), multiple=True, help="Replicates to show; may be repeated."
)
@click.option(
    "--level",
    type=FiniteRange(0.001, 0.5),
    default=0.05,
    show_default=True,
    help="Of the two-sided test.",
)
@click.option(
    "--power",
    "wanted",
    type=FiniteRange(0.5, 0.999),
    default=0.8,
    show_default=True,
    help="The chance that a difference of that size is found.",
)
@output_options("needs", "sizes")
def power(
    difference: float | None,
    bench_ids: tuple[str, ...],
    pool_epochs: bool,
    within: float | None,
    interaction: float | None,
    issues: tuple[int, ...],
    replicates: tuple[int, ...],
    level: float,
    wanted: float,
    output: Output,
) -> None:
    """Say how many issues and replicates a difference between two actions needs, before money is spent.

    The variances are the farm's own: how much runs of one arm differ, and how much a difference between two actions
    varies from issue to issue. Replicates lessen the first; only issues lessen the second. Costs are the means of
    the same bench.

    \b
    Examples:
      bench power --difference 5
      bench power --difference 5 --from b-20260131-k3f9q --replicates 1 --replicates 4
      bench power --within 0.12 --interaction 0.02
    """
    from bench.results.plain import plain
    from bench.results.power import grid, needs
    from bench.results.power_show import power_parts
    from bench.statistics.power import Aim

    basis = _basis(bench_ids, pool_epochs, within, interaction)
    aim = Aim(level, wanted)
    share = None if difference is None else difference / 100
    runs = sorted(set(replicates or REPLICATES))
    found = [] if share is None else needs(basis, share, runs, aim)
    cells = grid(basis, sorted(set(issues or ISSUES)), runs, aim)
    figures = {"aim": aim, "basis": basis, "difference": share, "needs": found, "sizes": cells}
    show_answer(output, lambda: plain(figures), lambda: power_parts(basis, aim, found, share, cells))


def _basis(
    bench_ids: tuple[str, ...], pool_epochs: bool, within: float | None, interaction: float | None
) -> "Basis":
    from bench.errors import BenchError
    from bench.results.power import NO_BASIS, basis_of, newest_basis, stated_basis

    if (within is None) != (interaction is None):
        raise click.UsageError("state --within and --interaction together")
    if within is not None and interaction is not None:
        if bench_ids:
            raise click.UsageError("name a bench with --from, or state --within and --interaction, not both")
        return stated_basis(within, interaction)
    with open_farm() as farm:
        newest = None if bench_ids else newest_basis(farm.engine)
        if not bench_ids and newest is None:
            raise BenchError(NO_BASIS)
        return basis_of(farm.engine, bench_ids or (str(newest),), pool_epochs=pool_epochs)
