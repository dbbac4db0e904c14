"""Shared parts of the commands that read archives: where they are, and what a build left out."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from planner.cli.output import note
from planner.system.project import state_directory

if TYPE_CHECKING:
    from planner.dataset.build import BuildReport

_SHOWN_BROKEN: Final = 10
_Directory = click.Path(path_type=Path)

include_world_option = click.option(
    "--include-world/--no-include-world",
    default=True,
    show_default=True,
    help="Whether fab-world runs become examples.",
)
issues_option = click.option(
    "--issues",
    type=_Directory,
    metavar="FILE",
    help="A Beads file, for archives without details of their issues.",
)


def archives_directory() -> Path:
    """Default directory of archives: `BENCH_ARCHIVES_DIR`, else the embedded farm's."""
    return Path(os.environ.get("BENCH_ARCHIVES_DIR") or state_directory(Path.cwd(), os.environ) / "archives")


def show_build_report(report: "BuildReport", out: Path | None) -> None:
    """Print what became of the archives; `out` is the dataset, where it is kept, with the names of all broken ones."""
    from planner.dataset.build import BENCHED, OF_BENCHES

    for line in report.skipped[:_SHOWN_BROKEN]:
        note(f"skipped {line}")
    if len(report.skipped) > _SHOWN_BROKEN:
        where = "" if out is None else f": see {out}/skipped.txt"
        note(f"skipped {len(report.skipped) - _SHOWN_BROKEN} more{where}")
    if report.bad_issue_lines:
        numbers = ", ".join(map(str, report.bad_issue_lines[:_SHOWN_BROKEN]))
        note(f"{len(report.bad_issue_lines)} lines of the backlog hold no issue: {numbers}")
    left_out = [f"{count} {fate}" for fate, count in sorted(report.left_out.items())]
    reasons = "".join(f", {fate}" for fate in [f"{len(report.skipped)} archives broken", *left_out])
    note(f"{report.archives} archives, {report.runs} runs{reasons}")
    if report.rebuilt:
        note(f"{report.rebuilt} examples had recorded no input: their histories are rebuilt")
    if report.planned:
        note(
            f"{report.planned.total()} examples recorded a planner's decision: {report.planned[True]} ran as decided"
        )
    if report.repeated:
        note(f"{report.repeated} archives of attempts that were made again")
    if report.left_out[BENCHED]:
        note(OF_BENCHES)
