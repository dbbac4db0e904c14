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
    from bench.stream.queue_show import decision_lines, queue_tables
    from bench.stream.view import queue_view

    settings = load_config(config or find_config(Path.cwd()))
    with open_farm() as farm:
        view = queue_view(farm.engine, settings, datetime.now(UTC))
    show_answer(output, lambda: view, lambda: queue_tables(view), lambda: _rows(view))
    if output.is_for_people:
        for line in decision_lines(view):
            note(line)


def _rows(view: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    held = [{"issue_id": issue_id, "reason": reason} for issue_id, reason in sorted(view["held"].items())]
    return {"running": view["running"], "ready": view["ready"], "held": held}
