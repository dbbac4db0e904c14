"""`bench audit`: one dated report on the stream."""

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
    "--out", type=_Directory, default=".", help="Where audit-YYYY-MM-DD.md goes; here unless given."
)
@click.option("--config", type=_Directory, help="The config; the project's unless given.")
@click.option(
    "--archives", type=_Directory, help="What the dataset is built from; the farm's archives unless given."
)
@click.option("--dataset", type=_Directory, help="A dataset to look at, instead of building one.")
@output_options("lanes", "epochs", "decisions", "agreement")
def audit(
    out: Path, config: Path | None, archives: Path | None, dataset: Path | None, output: Output
) -> None:
    """Report on the stream: epochs, lanes, decisions, agreement, exploration, the dataset, and what to add next.

    The report is shown, and written to audit-YYYY-MM-DD.md; the same farm and archives give the same file on the
    same day (UTC), which replaces the earlier one. The dataset is the one that the archives of the newest policy
    epoch make; it is built aside and not kept.

    \b
    Example, once a week:
      bench audit --out audits
    """
    from bench.results.markdown import parts_markdown
    from bench.stream.audit import audit as look
    from bench.stream.audit_report import audit_parts

    settings = load_config(config or find_config(Path.cwd()))
    with open_farm() as farm, progress() as report:
        found = look(farm.engine, settings, archives or archives_directory(), dataset, report)
    parts = audit_parts(found)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    path = out / f"audit-{today}.md"
    _write(path, f"# Audit of {today}\n\n{parts_markdown(parts)}\n")
    show_answer(output, lambda: _document(found), lambda: parts)
    note(f"the report is in {path}")


def _document(found: "Audit") -> dict[str, Any]:
    return {
        "epoch": found.epoch,
        "epochs": epoch_rows(found.epochs),
        "lanes": found.lanes["lanes"],
        "decisions": [{"epoch": epoch, **view} for epoch, view in found.decisions],
        "agreement": [one._asdict() for one in found.agreement],
        "explorable": found.explorable,
        "dataset": found.dataset._asdict(),
        "advice": found.advice,
    }


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text)
    except OSError as error:
        raise FailureError(f"cannot write {path}: {error.strerror or error}; choose another --out") from error
