"""`bench queue`: the stream at one moment."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bench.cli.session import note, open_farm
from bench.config.load import find_config, load_config
from bench.terminal import percent, show, show_json, table

_SHOWN = 20


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="The config; the project's unless given.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every issue.")
def queue(config: Path | None, as_json: bool) -> None:
    """Show what a stream runs, what is next, what is held and why, and how it decided so far.

    \b
    Example:
      bench queue
    """
    from bench.stream.view import queue_view

    settings = load_config(config or find_config(Path.cwd()))
    with open_farm() as farm:
        view = queue_view(farm.engine, settings, datetime.now(UTC))
    if as_json:
        show_json(view)
        return
    _show(view)


def _show(view: dict[str, Any]) -> None:
    running = [
        (
            r["issue_id"],
            r["state"],
            f"{r['swarm_id']} ×{r['candidates']} {r['minutes']:g}m",
            r["policy"],
            r["reason"],
        )
        for r in view["running"]
    ]
    show(table("Running", ("issue", "state", "action", "decided by", "note"), running))
    ready = [
        (
            number,
            r["issue_id"],
            r["priority"] + (" starving" if r["starving"] else ""),
            r["lane"],
            f"{r['critical_path_hours']:g} h",
            f"{r['waiting_since']:%Y-%m-%d %H:%M}",
        )
        for number, r in enumerate(view["ready"][:_SHOWN], start=1)
    ]
    columns = ("#>", "issue", "priority now", "lane", "work behind it>", "waits since (UTC)")
    show(table("Next", columns, ready))
    held = sorted(view["held"].items())
    show(table("Held", ("issue", "why"), held[:_SHOWN]))
    more = max(0, len(view["ready"]) - _SHOWN) + max(0, len(held) - _SHOWN)
    if more:
        note(f"{more} more; --json shows them all")
    _note_decisions(view)


def _note_decisions(view: dict[str, Any]) -> None:
    lanes = ", ".join(f"{name} {count}" for name, count in sorted(view["lanes"].items()))
    note(f"ready by lane: {lanes or 'none'}; solved: {view['solved']}")
    told = view["decisions"]
    if told is None or not told["decisions"]:
        note("no decision yet; start with: bench run")
        return
    if not told["asked"]:
        note(
            f"{told['decisions']} decisions by the heuristics, {told['explored']} explored; the planner is off"
        )
        return
    reasons = ", ".join(f"{reason} {count}" for reason, count in told["reasons"].items())
    note(
        f"{told['decisions']} decisions, {told['asked']} asked of the planner: fallback rate "
        f"{percent(told['fallback_rate'])}{f' ({reasons})' if reasons else ''}, agreement with what ran "
        f"{percent(told['agreement'])}, {told['explored']} explored"
    )
