"""`bench power`: power analysis, the number of issues and replicates that a difference needs."""

from typing import TYPE_CHECKING

import click

from bench.cli.answers import show_answer
from bench.cli.session import open_farm
from bench.cli.suggestions import bench_ids
from planner.cli.formats import Output, output_options
from planner.cli.numbers import FiniteRange
from planner.cli.progress import progress

if TYPE_CHECKING:
    from bench.results.power import Basis

ISSUES = (25, 50, 100, 200, 400)
REPLICATES = (1, 2, 3)
_VARIANCE = FiniteRange(min=0, max=0.25)
POOL_EPOCHS = click.option(
    "--pool-epochs", is_flag=True, help="Pool benches also where their rules or versions differ."
)


def _listed(sizes: tuple[int, ...]) -> str:
    return ", ".join(map(str, sizes))


@click.command()
@click.option(
    "--difference",
    type=FiniteRange(min=0, min_open=True, max=100),
    metavar="POINTS",
    help="Difference of pass rates to detect, in percentage points.",
)
@click.option(
    "--from",
    "bench_ids",
    multiple=True,
    metavar="BENCH_ID",
    shell_complete=bench_ids,
    help="Bench with the variances and costs to use; may be repeated.  [default: the newest with replicates]",
)
@POOL_EPOCHS
@click.option("--within", type=_VARIANCE, help="Set the variance of a run around the pass rate of its arm.")
@click.option("--interaction", type=_VARIANCE, help="Set the variance of issue×action effects.")
@click.option(
    "--issues",
    type=click.IntRange(min=2),
    multiple=True,
    help=f"Number of issues to show; may be repeated.  [default: {_listed(ISSUES)}]",
)
@click.option(
    "--replicates",
    type=click.IntRange(min=1),
    multiple=True,
    help=f"Replicates to show; may be repeated.  [default: {_listed(REPLICATES)}]",
)
@click.option(
    "--level",
    type=FiniteRange(0.001, 0.5),
    default=0.05,
    show_default=True,
    help="Significance level of the two-sided test.",
)
@click.option(
    "--power",
    "wanted",
    type=FiniteRange(0.5, 0.999),
    default=0.8,
    show_default=True,
    help="Probability of detecting a difference of that size.",
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
    """Show how many issues and replicates a comparison needs.

    Run it before you spend money on comparing two actions. The variances are estimated from your benches: within an
    arm, and of the difference between two actions from issue to issue. Replicates reduce the first; only more issues
    reduce the second. Costs are the means of the same bench.

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
    needed = [] if share is None else needs(basis, share, runs, aim)
    cells = grid(basis, sorted(set(issues or ISSUES)), runs, aim)
    figures = {"aim": aim, "basis": basis, "difference": share, "needs": needed, "sizes": cells}
    show_answer(output, lambda: plain(figures), lambda: power_parts(basis, aim, needed, share, cells))


def _basis(
    bench_ids: tuple[str, ...], pool_epochs: bool, within: float | None, interaction: float | None
) -> "Basis":
    from bench.errors import BenchError
    from bench.results.power import NO_BASIS, basis_of, newest_basis, stated_basis

    if (within is None) != (interaction is None):
        raise click.UsageError("give --within and --interaction together")
    if within is not None and interaction is not None:
        if bench_ids:
            raise click.UsageError("give a bench with --from, or --within and --interaction, not both")
        return stated_basis(within, interaction)
    with progress("estimating variances"), open_farm() as farm:
        newest = None if bench_ids else newest_basis(farm.engine)
        if not bench_ids and newest is None:
            raise BenchError(NO_BASIS)
        return basis_of(farm.engine, bench_ids or (str(newest),), pool_epochs=pool_epochs)
