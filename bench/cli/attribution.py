"""`bench attribution`: Shapley shares of the components of an action."""

import click

from bench.cli.answers import show_answer
from bench.cli.power import POOL_EPOCHS
from bench.cli.session import open_farm
from bench.cli.suggestions import bench_ids
from db.repositories.benches import Benches
from planner.cli.formats import Output, output_options
from planner.cli.progress import progress


@click.command()
@click.argument("bench_ids", metavar="[BENCH_ID]...", nargs=-1, shell_complete=bench_ids)
@POOL_EPOCHS
@output_options("shares")
def attribution(bench_ids: tuple[str, ...], pool_epochs: bool, output: Output) -> None:
    """Show how much each part of an action changes the pass rate.

    The parts are topology, candidates, minutes and iterations. Computes Shapley shares of the variance of the pass
    rate between actions, each allowed action equally likely, with noise removed. The interval of a part without
    effect includes 0; a part that never varied is listed without a number.

    BENCH_ID is the newest bench by default; several benches are pooled.

    \b
    Example:
      bench attribution b-20260131-k3f9q
    """
    from bench.results.attribution_show import attribution_parts
    from bench.results.evidence import UNIFORM, once_decided
    from bench.results.evidence_show import notes
    from bench.results.plain import plain
    from bench.results.pooling import read_pooled
    from bench.statistics.attribution import attribution as attribute

    with progress("attributing differences"), open_farm() as farm:
        bench_ids = bench_ids or (Benches(farm.engine).latest(),)
        evidence = once_decided(read_pooled(farm.engine, bench_ids, pool_epochs))
    shares = attribute(
        evidence.table,
        evidence.policies[UNIFORM],
        evidence.features,
        seed=evidence.seed,
        distribution="uniform over the allowed actions",
    )
    show_answer(
        output,
        lambda: {"bench_ids": list(bench_ids), **plain(shares), "notes": [*shares.notes, *notes(evidence)]},
        lambda: attribution_parts(shares, len(evidence.table.issues), notes(evidence)),
        lambda: {"shares": [{"component": name, **plain(share)} for name, share in shares.shares.items()]},
    )
