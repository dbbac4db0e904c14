"""`bench labels`: training examples and outcomes of closed cases, whole or as they come."""

from pathlib import Path
from typing import Any

import click

from bench.cli.session import note, open_farm
from bench.cli.suggestions import bench_ids
from planner.cli.formats import Answer, Output, json_value, output_options
from planner.cli.progress import progress
from planner.cli.tables import rows_markdown

_bench = click.option(
    "--bench",
    "benches",
    multiple=True,
    metavar="BENCH_ID",
    shell_complete=bench_ids,
    help="Export only the labels of this bench; may be repeated.",
)


@click.group()
def labels() -> None:
    """Export labels to train policies with."""


@labels.command()
@click.argument("directory", type=click.Path(path_type=Path), default="labels")
@_bench
@click.option(
    "--since",
    metavar="CURSOR",
    help="Append only the outcomes of cases that closed since this cursor, as a new part; `start` is the first.",
)
@output_options("header", json_help="The same as -o json: the header.")
def export(directory: Path, benches: tuple[str, ...], since: str | None, output: Output) -> None:
    """Export the labels as JSON lines and Parquet.

    DIRECTORY, by default labels, gets best_of_k_dataset.jsonl, the same rows as Parquet, outcomes.parquet, a dataset
    card (README.md), and a header with counts and hash. There is one example per finished case with a winner, and one
    row of outcomes.parquet per outcome of every closed case. The same database gives the same hash.

    With --since, DIRECTORY gets a part outcomes/part-*.parquet instead. Every export prints the next cursor.

    \b
    Example:
      bench labels export labels/ --bench b-20260131-k3f9q
      bench labels export new/ --since start
    """
    from bench.results.label_parts import export_since
    from bench.results.labels import export_labels

    with progress("exporting labels") as bar, open_farm() as farm:
        if since is None:
            header = export_labels(farm.engine, directory, list(benches) or None, bar)
        else:
            header = export_since(farm.engine, directory, since, list(benches) or None, bar)
    notes = _whole_notes if since is None else _part_notes

    def write_notes() -> None:
        for line in notes(header, directory):
            note(line)
        note(f"next cursor: {header['next_cursor']}")

    output.show(Answer(lambda: header, write_notes, lambda: rows_markdown({"header": [header]}, json_value)))


def _whole_notes(header: dict[str, Any], directory: Path) -> list[str]:
    from bench.sandboxes import sandbox_lines

    return [
        *sandbox_lines(header["sandboxes"]),
        f"{header['example_count']} examples in {directory} (sha256 {header['sha256'][:12]}…)",
        f"{header['outcome_count']} outcomes of {header['outcome_case_count']} cases, "
        f"{header['cases_without_winner']} of them without a winner",
    ]


def _part_notes(header: dict[str, Any], _directory: Path) -> list[str]:
    if header["part"] is None:
        return ["nothing new"]
    return [
        f"{header['outcome_count']} outcomes of {header['outcome_case_count']} cases in {header['part']}, "
        f"{header['cases_without_winner']} cases without a winner"
    ]


@labels.command()
@click.option(
    "--out",
    "directory",
    type=click.Path(path_type=Path),
    default="labels-live",
    show_default=True,
    help="The directory of the parts.",
)
@_bench
@click.option(
    "--every",
    "seconds",
    type=click.FloatRange(0.1, 86_400),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to look for closed cases.",
)
def watch(directory: Path, benches: tuple[str, ...], seconds: float) -> None:
    """Append outcomes to Parquet parts as cases close.

    Runs until Ctrl-C or SIGTERM stops it. Called again, it continues after the last part; no outcome is lost or
    written twice. Each part is complete when it has its name.

    \b
    Example:
      bench labels watch --out labels-live
    """
    from bench.cli.fleet import stop_on_signals
    from bench.results.label_parts import watch_labels

    with open_farm() as farm:
        stop = stop_on_signals()
        note(f"watching; parts go to {directory / 'outcomes'}")
        watch_labels(farm.engine, directory, list(benches) or None, stop, seconds, note)
