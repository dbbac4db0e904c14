"""`bench lanes`: which shapes of work were covered, and which issues to add."""

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
@click.option("--config", type=click.Path(path_type=Path), help="The config; the project's unless given.")
@click.option("--epoch", metavar="HASH", help="Only runs of the policy epoch that begins like this.")
@click.option(
    "--dataset",
    type=click.Path(path_type=Path),
    help="Look at the examples of this dataset instead of the runs.",
)
@output_options("lanes", "epochs")
def lanes(config: Path | None, epoch: str | None, dataset: Path | None, output: Output) -> None:
    """Show the lanes of all that streams ran, target against actual, and which issues to add.

    A lane is a shape of work: A low or medium risk, XS–M, serial; B high risk, M–XL, ×2; C critical, L–XL, ×3.
    It counts what really ran: three candidates that were cut to two make ×2.

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
    """Epochs for programs, with how many runs each lane has."""
    return [
        {**epoch._asdict(), "lanes": {str(k or "other"): n for k, n in epoch.lanes.items()}}
        for epoch in epochs
    ]


def _of_epoch(runs: "list[RunGroup]", epoch: str | None) -> "list[RunGroup]":
    """Only those of the epoch; a refusal where a run of another is all there is."""
    if epoch is None:
        return runs
    found = [ran for ran in runs if ran.epoch.startswith(epoch)]
    if runs and not found:
        known = ", ".join(sorted({ran.epoch[:12] for ran in runs}))
        raise click.BadParameter(f"no run is of epoch {epoch!r}; known: {known}", param_hint="--epoch")
    return found
