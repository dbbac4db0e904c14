"""`planner stats`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from planner.cli.formats import Answer, Output, output_options
from planner.cli.progress import progress
from planner.cli.tables import Part, TextTable, parts_markdown, show_parts

if TYPE_CHECKING:
    from planner.dataset.stats import Stats
    from planner.documents.dataset import DatasetMeta

_Directory = click.Path(path_type=Path)
_COLUMNS: Final = ("all", "low", "medium", "high", "critical", "XS", "S", "M", "L", "XL")


@click.command()
@click.argument("directory", type=_Directory)
@output_options("labels", "lanes", json_help="The same as -o json: all figures.")
def stats(directory: Path, output: Output) -> None:
    """Show what is in a dataset: labels by risk and size, agreement of near-duplicates, lanes.

    \b
    Example:
      planner stats data
    """
    from planner.dataset.read import read_dataset
    from planner.dataset.stats import dataset_stats

    read = read_dataset(directory)
    with progress("measuring agreement") as bar:
        figures = dataset_stats(read, bar)

    def parts() -> list[Part]:
        return [
            *_head(read.meta, figures),
            *_label_tables(figures),
            *_agreement(figures),
            _lane_table(figures),
        ]

    output.show(
        Answer(
            lambda: {**read.meta.document(), **figures.document()},
            lambda: show_parts(parts()),
            lambda: parts_markdown(parts()),
            lambda: _rows(figures),
        )
    )


def _rows(figures: "Stats") -> dict[str, list[dict[str, Any]]]:
    document = figures.document()
    labels = [
        {"head": head, "value": value, **counts}
        for head, values in document["labels"].items()
        for value, counts in values.items()
    ]
    lanes = [{"lane": lane, "examples": count} for lane, count in document["lanes"].items()]
    return {"labels": labels, "lanes": lanes}


def _head(meta: "DatasetMeta", figures: "Stats") -> list[Part]:
    epoch = "mixed" if meta.epoch is None else meta.epoch[:12]
    shown = figures.document()
    counted = {
        name: ", ".join(f"{value} {count}" for value, count in shown[f"by_{name}"].items())
        for name in ("split", "source", "job_type")
    }
    return [
        f"dataset {meta.dataset_hash[:12]}, policy epoch {epoch}",
        f"{figures.examples} examples of {figures.issues} issues",
        *(f"  {name.replace('_', ' ')}: {counts}" for name, counts in counted.items()),
        f"  {figures.with_history} with a history, {figures.with_outcomes} with outcomes, "
        f"{figures.positions:.0f} features set on average",
    ]


def _label_tables(figures: "Stats") -> list[Part]:
    from planner.space.heads import HEADS

    tables: list[Part] = []
    for head, name in enumerate(HEADS):
        rows = [
            (str(value), *(str(counts[column] or "·") for column in _COLUMNS))
            for value, counts in figures.label_counts(head).items()
            if counts["all"]
        ]
        tables.append(TextTable((name, *_COLUMNS), rows))
    return tables


def _agreement(figures: "Stats") -> list[Part]:
    share, pairs = figures.agreement
    figure = "–" if share is None else f"{share:.1%}"
    return ["", f"near-duplicate inputs with the same label: {figure} of {pairs} pairs"]


def _lane_table(figures: "Stats") -> TextTable:
    from planner.dataset.lanes import LANES

    rows = [
        (
            lane.name,
            lane.shape,
            str(figures.by_lane[lane.name]),
            f"{figures.by_lane[lane.name] / figures.examples:.0%}",
            f"{lane.low:.0%}–{lane.high:.0%}",
        )
        for lane in LANES
    ]
    rows.append(
        ("", "no lane", str(figures.by_lane[None]), f"{figures.by_lane[None] / figures.examples:.0%}", "")
    )
    return TextTable(("lane", "shape", "examples", "share", "target"), rows)
