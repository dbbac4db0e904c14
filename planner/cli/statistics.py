"""`planner stats`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from planner.cli.archives import archives_directory, include_world_option, issues_option, show_build_report
from planner.cli.formats import Answer, Output, output_options
from planner.cli.progress import progress
from planner.cli.tables import Part, TextTable, parts_markdown, show_parts

if TYPE_CHECKING:
    from planner.dataset.read import Dataset
    from planner.dataset.stats import Stats
    from planner.documents.dataset import DatasetMeta
    from planner.system.progress import ProgressReporter

_Directory = click.Path(path_type=Path)
_COLUMNS: Final = ("all", "low", "medium", "high", "critical", "XS", "S", "M", "L", "XL")


@click.command()
@click.argument("sources", type=_Directory, nargs=-1, metavar="[DATASET|ARCHIVES]...")
@include_world_option
@issues_option
@output_options("labels", "lanes", json_help="The same as -o json: all figures.")
def stats(sources: tuple[Path, ...], include_world: bool, issues: Path | None, output: Output) -> None:
    """Show what is in a dataset or in archives: labels by risk and size, agreement of near-duplicates, lanes.

    Archives are counted as planner build-dataset would label them, over all policy epochs; nothing is written. Without
    a directory they are the farm's (BENCH_ARCHIVES_DIR, else .bench/archives).

    \b
    Example:
      planner stats data
      planner stats .bench/archives --no-include-world
    """
    from planner.dataset.stats import dataset_stats

    with progress("measuring agreement") as bar, _dataset(sources, include_world, issues, bar) as read:
        figures = dataset_stats(read, bar, include_world=include_world)

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


@contextmanager
def _dataset(
    sources: tuple[Path, ...], include_world: bool, issues: Path | None, bar: "ProgressReporter"
) -> Iterator["Dataset"]:
    """The dataset that `sources` name, or one that is built from archives and removed afterwards."""
    from planner.dataset.build import BuildOptions, scratch_dataset
    from planner.dataset.read import EXAMPLES_FILE, META_FILE, read_dataset
    from planner.errors import PlannerError

    for source in sources:
        if not source.is_dir():
            raise PlannerError(f"{source} is no directory; name a dataset, or directories of archives")
    datasets = [
        source for source in sources if any((source / file).exists() for file in (META_FILE, EXAMPLES_FILE))
    ]
    if datasets and len(sources) > 1:
        raise click.UsageError(f"{datasets[0]} is a dataset; name one dataset, or directories of archives")
    if datasets:
        if issues is not None:
            raise click.UsageError(f"--issues is for archives, and {datasets[0]} is a dataset")
        yield read_dataset(datasets[0])
        return
    archives = sources or (archives_directory(),)
    options = BuildOptions(archives, issues, include_world=include_world, mix_epochs=True)
    with scratch_dataset(options, bar) as (read, report):
        show_build_report(report, None)
        yield read


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
