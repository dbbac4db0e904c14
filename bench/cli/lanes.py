"""`bench lanes`: coverage of the kinds of work, and which issues to add."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.answers import show_answer
from bench.cli.session import note, open_farm
from bench.config.load import find_config, load_config
from planner.cli.formats import Output, output_options

if TYPE_CHECKING:
    from bench.stream.coverage import Epoch, RunGroup


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Config file.  [default: the project's]")
@click.option(
    "--epoch", metavar="HASH", help="Count only runs of the policy epoch whose hash starts with HASH."
)
@click.option(
    "--dataset",
    type=click.Path(path_type=Path),
    help="Count the examples of this dataset instead of the runs.",
)
@output_options("lanes", "epochs")
def lanes(config: Path | None, epoch: str | None, dataset: Path | None, output: Output) -> None:
    """Show which kinds of work ran, and which issues to add.

    A lane is a kind of work. A: low or medium risk, size XS–M, one candidate. B: high risk, M–XL, two candidates.
    C: critical, L–XL, three candidates. The share of each lane is compared with its target. Candidates that ran are
    counted, not planned ones.

    \b
    Examples:
      bench lanes
      bench lanes --dataset data
    """
    from bench.stream.coverage import epochs_of, read_runs, ready_shapes, shapes_in, shapes_of
    from bench.stream.lanes import lanes_view
    from bench.stream.show import epochs_table, lanes_table
    from planner.dataset.read import read_dataset

    settings = load_config(config or find_config(Path.cwd()))
    if dataset is not None and epoch is not None:
        raise click.UsageError("a dataset has its own epoch: give --epoch or --dataset, not both")
    given = None if dataset is None else shapes_in(read_dataset(dataset))
    with open_farm() as farm:
        runs = [] if dataset is not None else read_runs(farm.engine)
        ready = ready_shapes(farm.engine, settings)
    epochs = epochs_of(runs)
    view = lanes_view(shapes_of(_of_epoch(runs, epoch)) if given is None else given, ready)
    show_answer(
        output,
        lambda: {**view, "epochs": epoch_rows(epochs)},
        lambda: [lanes_table(view), *([epochs_table(epochs)] if len(epochs) > 1 else [])],
    )
    for line in view["advice"] if output.is_for_people else ():
        note(line)


def epoch_rows(epochs: "Iterable[Epoch]") -> list[dict[str, Any]]:
    """Epochs as JSON-able rows, with the number of runs in each lane."""
    return [
        {**epoch._asdict(), "lanes": {str(k or "other"): n for k, n in epoch.lanes.items()}}
        for epoch in epochs
    ]


def _of_epoch(runs: "list[RunGroup]", epoch: str | None) -> "list[RunGroup]":
    """The runs of an epoch. Raises `BadParameter` where all runs are of other epochs."""
    if epoch is None:
        return runs
    matching = [ran for ran in runs if ran.epoch.startswith(epoch)]
    if runs and not matching:
        known = ", ".join(sorted({ran.epoch[:12] for ran in runs}))
        raise click.BadParameter(f"no run has epoch {epoch!r}; known: {known}", param_hint="--epoch")
    return matching
