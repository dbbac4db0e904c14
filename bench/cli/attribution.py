"""`bench attribution`: which part of an action mattered."""

import click

from bench.cli.answers import show_answer
from bench.cli.power import POOL_EPOCHS
from bench.cli.session import open_farm
from bench.cli.suggestions import bench_ids
from db.repositories.benches import Benches
from planner.cli.formats import Output, output_options


@click.command()
@click.argument("bench_ids", metavar="[BENCH_ID]...", nargs=-1, shell_complete=bench_ids)
@POOL_EPOCHS
@output_options("shares")
def attribution(bench_ids: tuple[str, ...], pool_epochs: bool, output: Output) -> None:
    """Share out what the actions of a bench differ by among topology, candidates, minutes and iterations.

    Shapley shares of the variance of the pass rate between actions, each allowed action equally likely, with noise
    taken out. A component that does nothing shows an interval around 0; one that never varied is named and gets no
    number. Without BENCH_ID the newest bench; several are taken together.

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

    with open_farm() as farm:
        bench_ids = bench_ids or (Benches(farm.engine).latest(),)
        evidence = once_decided(read_pooled(farm.engine, bench_ids, pool_epochs))
    found = attribute(
        evidence.table,
        evidence.policies[UNIFORM],
        evidence.features,
        seed=evidence.seed,
        distribution="uniform over the allowed actions",
    )
    show_answer(
        output,
        lambda: {"bench_ids": list(bench_ids), **plain(found), "notes": [*found.notes, *notes(evidence)]},
        lambda: attribution_parts(found, len(evidence.table.issues), notes(evidence)),
        lambda: {"shares": [{"component": name, **plain(share)} for name, share in found.shares.items()]},
    )
