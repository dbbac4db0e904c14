"""`planner stats`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from planner.cli.formats import Answer, Output, output_options
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
    found = dataset_stats(read)

    def parts() -> list[Part]:
        return [*_head(read.meta, found), *_label_tables(found), *_agreement(found), _lane_table(found)]

    output.show(
        Answer(
            lambda: {**read.meta.document(), **found.document()},
            lambda: show_parts(parts()),
            lambda: parts_markdown(parts()),
            lambda: _rows(found),
        )
    )


def _rows(found: "Stats") -> dict[str, list[dict[str, Any]]]:
    document = found.document()
    labels = [
        {"head": head, "value": value, **counts}
        for head, values in document["labels"].items()
        for value, counts in values.items()
    ]
    lanes = [{"lane": lane, "examples": count} for lane, count in document["lanes"].items()]
    return {"labels": labels, "lanes": lanes}


def _head(meta: "DatasetMeta", found: "Stats") -> list[Part]:
    epoch = "mixed" if meta.epoch is None else meta.epoch[:12]
    shown = found.document()
    counted = {
        name: ", ".join(f"{value} {count}" for value, count in shown[f"by_{name}"].items())
        for name in ("split", "source", "job_type")
    }
    return [
        f"dataset {meta.dataset_hash[:12]}, policy epoch {epoch}",
        f"{found.examples} examples of {found.issues} issues",
        *(f"  {name.replace('_', ' ')}: {counts}" for name, counts in counted.items()),
        f"  {found.with_history} with a history, {found.with_outcomes} with outcomes, "
        f"{found.positions:.0f} features set on average",
    ]


def _label_tables(found: "Stats") -> list[Part]:
    from planner.space.heads import HEADS

    tables: list[Part] = []
    for head, name in enumerate(HEADS):
        rows = [
            (str(value), *(str(counts[column] or "·") for column in _COLUMNS))
            for value, counts in found.label_counts(head).items()
            if counts["all"]
        ]
        tables.append(TextTable((name, *_COLUMNS), rows))
    return tables


def _agreement(found: "Stats") -> list[Part]:
    share, pairs = found.agreement
    figure = "–" if share is None else f"{share:.1%}"
    return ["", f"near-duplicate inputs with the same label: {figure} of {pairs} pairs"]


def _lane_table(found: "Stats") -> TextTable:
    from planner.dataset.lanes import LANES

    rows = [
        (
            lane.name,
            lane.shape,
            str(found.by_lane[lane.name]),
            f"{found.by_lane[lane.name] / found.examples:.0%}",
            f"{lane.low:.0%}–{lane.high:.0%}",
        )
        for lane in LANES
    ]
    rows.append(("", "no lane", str(found.by_lane[None]), f"{found.by_lane[None] / found.examples:.0%}", ""))
    return TextTable(("lane", "shape", "examples", "share", "target"), rows)
