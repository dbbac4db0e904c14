"""`planner build-dataset`, `planner dataset merge-best-of-k` and `planner stats`."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from planner.cli.output import echo, echo_json
from planner.cli.progress import progress

if TYPE_CHECKING:
    from planner.dataset.build import BuildReport
    from planner.dataset.stats import Stats
    from planner.documents.dataset import DatasetMeta

_SHOWN_BROKEN: Final = 10
_Directory = click.Path(path_type=Path)
_COLUMNS: Final = ("all", "low", "medium", "high", "critical", "XS", "S", "M", "L", "XL")


def _archives_directory() -> Path:
    """Default directory of archives: `BENCH_ARCHIVES_DIR`, else the embedded farm's."""
    return Path(os.environ.get("BENCH_ARCHIVES_DIR") or ".bench/archives")


_out = click.option(
    "--out", type=_Directory, required=True, help="The dataset: a new directory, or a dataset to replace."
)
_mix = click.option("--mix-epochs", is_flag=True, help="Allow examples of more than one policy epoch.")
_split_by = click.option(
    "--split-by",
    type=click.Choice(["time", "repository"]),
    default="time",
    show_default=True,
    help="time: no issue is on two sides; repository: no repository is.",
)


@click.command("build-dataset")
@click.option("--out", type=_Directory, help="The dataset: a new directory, or a dataset to replace.")
@click.option(
    "--versions",
    type=_Directory,
    metavar="HOME",
    help="Instead of --out: a directory of versions, one a policy epoch. Writes the newest and links HOME/latest "
    "to it.",
)
@click.option(
    "--archives",
    type=_Directory,
    multiple=True,
    metavar="DIR",
    help="Directory of archives; may be repeated.  [default: BENCH_ARCHIVES_DIR, else .bench/archives]",
)
@click.option(
    "--include-world/--no-include-world",
    default=True,
    show_default=True,
    help="Whether fab-world runs become examples.",
)
@click.option(
    "--issues",
    type=_Directory,
    metavar="FILE",
    help="A Beads file, for archives without details of their issues.",
)
@click.option("--epoch", metavar="HASH", help="Only runs of the policy epoch that begins like this.")
@_mix
@click.option(
    "--similar-runs",
    type=click.IntRange(0, 64),
    default=8,
    show_default=True,
    help="Length of a history that was not recorded and is rebuilt.",
)
@_split_by
def build_dataset(
    out: Path | None,
    versions: Path | None,
    archives: tuple[Path, ...],
    include_world: bool,
    issues: Path | None,
    epoch: str | None,
    mix_epochs: bool,
    similar_runs: int,
    split_by: Literal["time", "repository"],
) -> None:
    """Make a dataset of what was executed: one example a run, labelled with its executed plan.

    Reads the three JSON files of every archive; broken archives are skipped, counted and named. Runs that a bench
    sampled are left out: they were no decisions. The same archives give the same dataset hash on any machine.

    \b
    Example:
      planner build-dataset --archives .bench/archives --out data
      planner build-dataset --versions datasets
    """
    from planner.dataset.build import BuildOptions
    from planner.dataset.build import build_dataset as build
    from planner.dataset.versions import LATEST, build_version

    if (out is None) == (versions is None):
        raise click.UsageError("name either --out or --versions")
    options = BuildOptions(
        archives=archives or (_archives_directory(),),
        issues=issues,
        n_similar_runs=similar_runs,
        include_world=include_world,
        epoch=epoch,
        mix_epochs=mix_epochs,
        split_by=split_by,
    )
    version = None
    with progress() as report_progress:
        if versions is not None:
            version, report = build_version(versions, options, report_progress)
            out = version.directory
        else:
            assert out is not None
            report = build(out, options, report_progress)
    _show_build_report(report, out)
    _show_dataset(report.meta, out)
    if version is not None and versions is not None:
        echo(f"version {out.name} is {version.became}; {versions / LATEST} links to it", err=True)


def _show_build_report(report: "BuildReport", out: Path) -> None:
    from planner.dataset.build import BENCHED, OF_BENCHES

    for line in report.skipped[:_SHOWN_BROKEN]:
        echo(f"skipped {line}", err=True)
    if len(report.skipped) > _SHOWN_BROKEN:
        echo(f"skipped {len(report.skipped) - _SHOWN_BROKEN} more: see {out}/skipped.txt", err=True)
    if report.bad_issue_lines:
        numbers = ", ".join(map(str, report.bad_issue_lines[:_SHOWN_BROKEN]))
        echo(f"{len(report.bad_issue_lines)} lines of the backlog hold no issue: {numbers}", err=True)
    left_out = [f"{count} {fate}" for fate, count in sorted(report.left_out.items())]
    reasons = "".join(f", {fate}" for fate in [f"{len(report.skipped)} archives broken", *left_out])
    echo(f"{report.archives} archives, {report.runs} runs{reasons}", err=True)
    if report.rebuilt:
        echo(f"{report.rebuilt} examples had recorded no input: their histories are rebuilt", err=True)
    if report.repeated:
        echo(f"{report.repeated} archives of attempts that were made again", err=True)
    if report.left_out[BENCHED]:
        echo(OF_BENCHES, err=True)


def _show_dataset(meta: "DatasetMeta | None", out: Path) -> None:
    assert meta is not None
    counts = " / ".join(f"{count} {split}" for split, count in meta.split_counts.items())
    epoch = "mixed" if meta.epoch is None else meta.epoch[:12]
    echo(f"{meta.example_count} examples in {out}: {counts}; epoch {epoch}", err=True)
    echo(f"dataset hash {meta.dataset_hash}", err=True)


@click.group()
def dataset() -> None:
    """Put datasets together."""


@dataset.command("merge-best-of-k")
@click.option(
    "--labels",
    type=_Directory,
    multiple=True,
    required=True,
    metavar="DIR|FILE",
    help="What bench labels export wrote; may be repeated.",
)
@click.option("--base", type=_Directory, metavar="DATASET", help="A dataset whose other examples are kept.")
@_out
@_mix
@_split_by
def merge_best_of_k(
    labels: tuple[Path, ...],
    base: Path | None,
    out: Path,
    mix_epochs: bool,
    split_by: Literal["time", "repository"],
) -> None:
    """Make a dataset of the winners of benches, alone or together with executed plans.

    A label replaces the example of the base with the same input. Splits are assigned again.

    \b
    Example:
      bench labels export labels/
      planner dataset merge-best-of-k --labels labels/ --base data --out data-b
    """
    from planner.dataset.merge import MergeOptions
    from planner.dataset.merge import merge_best_of_k as merge

    report = merge(out, MergeOptions(labels, base, mix_epochs, split_by))
    doubles = f" ({report.doubles} doubles)" if report.doubles else ""
    echo(
        f"{report.labels} labels{doubles}, {report.kept} examples of the base kept, {report.replaced} replaced",
        err=True,
    )
    _show_dataset(report.meta, out)


@click.command()
@click.argument("directory", type=_Directory)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def stats(directory: Path, as_json: bool) -> None:
    """Show what is in a dataset: labels by risk and size, agreement of near-duplicates, lanes.

    \b
    Example:
      planner stats data
    """
    from planner.dataset.read import read_dataset
    from planner.dataset.stats import dataset_stats

    read = read_dataset(directory)
    figures = dataset_stats(read)
    if as_json:
        echo_json({**read.meta.document(), **figures.document()})
        return
    epoch = "mixed" if read.meta.epoch is None else read.meta.epoch[:12]
    echo(f"dataset {read.meta.dataset_hash[:12]}, policy epoch {epoch}")
    echo(f"{figures.examples} examples of {figures.issues} issues")
    shown = figures.document()
    for name in ("split", "source", "job_type"):
        counts = ", ".join(f"{value} {count}" for value, count in shown[f"by_{name}"].items())
        echo(f"  {name.replace('_', ' ')}: {counts}")
    echo(
        f"  {figures.with_history} with a history, {figures.with_outcomes} with outcomes, "
        f"{figures.positions:.0f} features set on average"
    )
    _show_labels(figures)
    _show_agreement(figures)
    _show_lanes(figures)


def _show_labels(counts: "Stats") -> None:
    from planner.space.heads import HEADS

    for head, name in enumerate(HEADS):
        rows = [
            (str(value), *(str(row[column] or "·") for column in _COLUMNS))
            for value, row in counts.label_counts(head).items()
            if row["all"]
        ]
        echo()
        _table((name, *_COLUMNS), rows)


def _show_agreement(counts: "Stats") -> None:
    share, pairs = counts.agreement
    figure = "–" if share is None else f"{share:.1%}"
    echo()
    echo(f"near-duplicate inputs with the same label: {figure} of {pairs} pairs")


def _show_lanes(counts: "Stats") -> None:
    from planner.dataset.lanes import LANES

    rows = [
        (
            lane.name,
            lane.shape,
            str(counts.by_lane[lane.name]),
            f"{counts.by_lane[lane.name] / counts.examples:.0%}",
            f"{lane.low:.0%}–{lane.high:.0%}",
        )
        for lane in LANES
    ]
    rows.append(
        ("", "no lane", str(counts.by_lane[None]), f"{counts.by_lane[None] / counts.examples:.0%}", "")
    )
    echo()
    _table(("lane", "shape", "examples", "share", "target"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns aligned, numbers to the right."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells: Any = zip(line, widths, strict=True)
        echo("  ".join(f"{cell:<{w}}" if _is_word(cell) else f"{cell:>{w}}" for cell, w in cells).rstrip())


def _is_word(cell: str) -> bool:
    return not (cell[:1].isdigit() or cell in ("·", ""))
