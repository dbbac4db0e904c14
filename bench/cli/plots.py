"""`bench plots`: a bench as pictures."""

from pathlib import Path
from typing import Any

import click

from bench.cli.reports import BENCH
from bench.cli.session import note, open_farm
from db.repositories.benches import Benches


@click.command()
@BENCH
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default="plots",
    show_default=True,
    help="The directory to write to.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(("png", "svg")),
    default="png",
    show_default=True,
    help="Of the files.",
)
def plots(bench_id: str | None, out: Path, form: Any) -> None:
    """Draw a bench: who wins where, regret, what passing costs, and whether P(best) comes true.

    Four files, named by the bench: win-matrix, regret, frontier and calibration. A plot whose numbers the bench
    cannot carry says why instead. The same bench gives the same files. Without BENCH_ID the newest bench.

    \b
    Example:
      bench plots b-20260131-k3f9q --out plots --format svg
    """
    from bench.results.plots import write_plots

    with open_farm() as farm:
        paths = write_plots(farm.engine, bench_id or Benches(farm.engine).latest(), out, form)
    for path in paths:
        note(f"written: {path}")
