"""`bench labels export`."""

from pathlib import Path

import click

from bench.cli.session import note, open_farm
from bench.terminal import show_json


@click.group()
def labels() -> None:
    """The labels that trainers learn from."""


@labels.command()
@click.argument("directory", type=click.Path(path_type=Path), default="labels")
@click.option(
    "--bench", "benches", multiple=True, metavar="BENCH_ID", help="Only this bench; may be repeated."
)
@click.option("--json", "as_json", is_flag=True, help="Print the header as JSON.")
def export(directory: Path, benches: tuple[str, ...], as_json: bool) -> None:
    """Write best_of_k_dataset.jsonl, the same rows as Parquet, and a header with counts and hash.

    One example a finished case that has a winner. The same database gives the same hash.

    \b
    Example:
      bench labels export labels/ --bench b-20260131-k3f9q
    """
    from bench.results.labels import export_labels
    from bench.sandboxes import sandbox_lines

    with open_farm() as farm:
        header = export_labels(farm.engine, directory, list(benches) or None)
    if as_json:
        show_json(header)
        return
    for line in sandbox_lines(header["sandboxes"]):
        note(line)
    note(f"{header['example_count']} examples in {directory} (sha256 {header['sha256'][:12]}…)")
