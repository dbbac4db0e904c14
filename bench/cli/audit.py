"""`bench audit`: a dated report on the stream."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.answers import show_answer
from bench.cli.archives import archives_directory
from bench.cli.lanes import epoch_rows
from bench.cli.session import note, open_farm
from bench.config.load import find_config, load_config
from bench.errors import FailureError
from planner.cli.formats import Output, output_options
from planner.cli.progress import progress
from planner.system.atomic import write_atomic

if TYPE_CHECKING:
    from bench.stream.audit import Audit

_Directory = click.Path(path_type=Path)


@click.command()
@click.option(
    "--out", type=_Directory, default=".", show_default=True, help="Directory for audit-YYYY-MM-DD.md."
)
@click.option("--config", type=_Directory, help="Config file.  [default: the project's]")
@click.option(
    "--archives", type=_Directory, help="Archives to build the dataset from.  [default: the farm's]"
)
@click.option("--dataset", type=_Directory, help="Use this dataset instead of building one.")
@output_options("lanes", "epochs", "decisions", "agreement")
def audit(
    out: Path, config: Path | None, archives: Path | None, dataset: Path | None, output: Output
) -> None:
    """Write a dated report on all that `bench run` did.

    It covers epochs, lanes, decisions, agreement, exploration, the dataset, and which issues to add next. The report
    is shown and written to audit-YYYY-MM-DD.md (UTC); a second report of the day replaces the first. The same farm
    and archives give the same text. The dataset is built from the archives of the newest policy epoch in a temporary
    directory, and not kept.

    \b
    Example, once a week:
      bench audit --out audits
    """
    from bench.results.markdown import parts_markdown
    from bench.stream.audit import audit as run_audit
    from bench.stream.audit_report import audit_parts

    settings = load_config(config or find_config(Path.cwd()))
    with progress("auditing the streams") as report, open_farm() as farm:
        result = run_audit(farm.engine, settings, archives or archives_directory(), dataset, report)
    parts = audit_parts(result)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    path = out / f"audit-{today}.md"
    _write(path, f"# Audit of {today}\n\n{parts_markdown(parts)}\n")
    show_answer(output, lambda: _document(result), lambda: parts)
    note(f"written to {path}")


def _document(result: "Audit") -> dict[str, Any]:
    return {
        "epoch": result.epoch,
        "epochs": epoch_rows(result.epochs),
        "lanes": result.lanes["lanes"],
        "decisions": [{"epoch": epoch, **view} for epoch, view in result.decisions],
        "agreement": [row._asdict() for row in result.agreement],
        "explorable": result.explorable,
        "dataset": result.dataset._asdict(),
        "advice": result.advice,
    }


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text)
    except OSError as error:
        raise FailureError(f"cannot write {path}: {error.strerror or error}; choose another --out") from error
