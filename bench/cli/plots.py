"""`bench plots`: the results of a bench as image files."""

from pathlib import Path
from typing import Any

import click

from bench.cli.reports import BENCH
from bench.cli.session import note, open_farm
from db.repositories.benches import Benches
from planner.cli.progress import progress


@click.command()
@BENCH
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default="plots",
    show_default=True,
    help="Directory for the files.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(("png", "svg")),
    default="png",
    show_default=True,
    help="Format of the files.",
)
def plots(bench_id: str | None, out: Path, form: Any) -> None:
    """Draw the wins, regret, costs and calibration of a bench.

    Writes four files, named after the bench: win-matrix, regret, frontier (the cost of passing) and calibration (of
    P(best)). Where a bench has too little data for a plot, the file shows the reason. The same bench gives the same
    files. BENCH_ID is the newest bench by default.

    \b
    Example:
      bench plots b-20260131-k3f9q --out plots --format svg
    """
    from bench.results.plots import write_plots

    with progress("reading results") as bar, open_farm() as farm:
        paths = write_plots(farm.engine, bench_id or Benches(farm.engine).latest(), out, form, bar)
    for path in paths:
        note(f"written: {path}")
