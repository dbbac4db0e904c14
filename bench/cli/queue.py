"""`bench queue`: the current state of the stream."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bench.cli.answers import show_answer
from bench.cli.session import note, open_farm
from bench.config.load import find_config, load_config
from planner.cli.formats import Output, output_options


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Config file.  [default: the project's]")
@output_options("running", "ready", "held", json_help="The same as -o json: with every issue.")
def queue(config: Path | None, output: Output) -> None:
    """Show what `bench run` works on, and what is next.

    Also shows which issues are held and why, and how the actions were decided so far.

    \b
    Example:
      bench queue
    """
    from bench.stream.queue_show import queue_tables
    from bench.stream.view import queue_view

    settings = load_config(config or find_config(Path.cwd()))
    with open_farm() as farm:
        view = queue_view(farm.engine, settings, datetime.now(UTC))
    show_answer(output, lambda: view, lambda: queue_tables(view), lambda: _rows(view))
    if output.is_for_people:
        _note_decisions(view)


def _rows(view: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    held = [{"issue_id": issue_id, "reason": reason} for issue_id, reason in sorted(view["held"].items())]
    return {"running": view["running"], "ready": view["ready"], "held": held}


def _note_decisions(view: dict[str, Any]) -> None:
    from bench.stream.queue_show import decisions_line, lanes_line, not_shown

    more = not_shown(view)
    if more:
        note(f"{more} more; -o json shows them all")
    note(lanes_line(view))
    note(decisions_line(view["decisions"]))
