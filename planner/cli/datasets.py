"""`planner build-dataset` and `planner dataset merge-best-of-k`."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from planner.cli.archives import archives_directory, include_world_option, issues_option, show_build_report
from planner.cli.output import note
from planner.cli.progress import progress

if TYPE_CHECKING:
    from planner.documents.dataset import DatasetMeta

_Directory = click.Path(path_type=Path)

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
    help="Directory of archives; may be repeated.  [default: BENCH_ARCHIVES_DIR, else the farm's]",
)
@include_world_option
@issues_option
@click.option("--epoch", metavar="HASH", help="Only runs of the policy epoch that begins like this.")
@_mix
@click.option(
    "--similar-runs",
    type=click.IntRange(0, 64),
    default=8,
    show_default=True,
    help="Length of a history that was not recorded and is rebuilt.",
)
@click.option(
    "--similar-keywords",
    is_flag=True,
    help="In rebuilt histories, also compare the keywords of issues' titles and descriptions.",
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
    similar_keywords: bool,
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
        archives=archives or (archives_directory(),),
        issues=issues,
        n_similar_runs=similar_runs,
        similar_keywords=similar_keywords,
        include_world=include_world,
        epoch=epoch,
        mix_epochs=mix_epochs,
        split_by=split_by,
    )
    version = None
    with progress("building the dataset") as bar:
        if versions is not None:
            version, report = build_version(versions, options, bar)
            out = version.directory
        else:
            assert out is not None
            report = build(out, options, bar)
    show_build_report(report, out)
    _show_dataset(report.meta, out)
    if version is not None and versions is not None:
        note(f"version {out.name} is {version.became}; {versions / LATEST} links to it")


def _show_dataset(meta: "DatasetMeta | None", out: Path) -> None:
    assert meta is not None
    counts = " / ".join(f"{count} {split}" for split, count in meta.split_counts.items())
    epoch = "mixed" if meta.epoch is None else meta.epoch[:12]
    note(f"{meta.example_count} examples in {out}: {counts}; epoch {epoch}")
    note(f"dataset hash {meta.dataset_hash}")


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
    help="What bench labels export or watch wrote, or a file of it (JSON lines or Parquet); may be repeated.",
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

    with progress("merging labels") as bar:
        report = merge(out, MergeOptions(labels, base, mix_epochs, split_by), bar)
    doubles = f" ({report.doubles} doubles)" if report.doubles else ""
    note(
        f"{report.labels} labels{doubles}, {report.kept} examples of the base kept, {report.replaced} replaced",
    )
    if report.without_winner:
        note(f"{report.without_winner} cases without a winner left out: they are nothing to imitate")
    _show_dataset(report.meta, out)
