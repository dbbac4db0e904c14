"""`bench labels export`: training examples of finished cases."""

from pathlib import Path

import click

from bench.cli.session import note, open_farm
from bench.cli.suggestions import bench_ids
from planner.cli.formats import Answer, Output, json_value, output_options
from planner.cli.tables import rows_markdown


@click.group()
def labels() -> None:
    """Export labels to train policies with."""


@labels.command()
@click.argument("directory", type=click.Path(path_type=Path), default="labels")
@click.option(
    "--bench",
    "benches",
    multiple=True,
    metavar="BENCH_ID",
    shell_complete=bench_ids,
    help="Export only the labels of this bench; may be repeated.",
)
@output_options("header", json_help="The same as -o json: the header.")
def export(directory: Path, benches: tuple[str, ...], output: Output) -> None:
    """Export the labels as JSON lines and Parquet.

    DIRECTORY, by default labels, gets best_of_k_dataset.jsonl, the same rows as Parquet, and a header with counts
    and hash. There is one example per finished case with a winner. The same database gives the same hash.

    \b
    Example:
      bench labels export labels/ --bench b-20260131-k3f9q
    """
    from bench.results.labels import export_labels
    from bench.sandboxes import sandbox_lines

    with open_farm() as farm:
        header = export_labels(farm.engine, directory, list(benches) or None)

    def write_notes() -> None:
        for line in sandbox_lines(header["sandboxes"]):
            note(line)
        note(f"{header['example_count']} examples in {directory} (sha256 {header['sha256'][:12]}…)")

    output.show(Answer(lambda: header, write_notes, lambda: rows_markdown({"header": [header]}, json_value)))
