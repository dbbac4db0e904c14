"""`bench queue`: the current state of the stream."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bench.cli.answers import show_answer
from bench.cli.session import note, open_farm
from bench.config.load import find_config, load_config
from bench.terminal import percent, table
from planner.cli.formats import Output, output_options

_SHOWN = 20


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
    from bench.stream.view import queue_view

    settings = load_config(config or find_config(Path.cwd()))
    with open_farm() as farm:
        view = queue_view(farm.engine, settings, datetime.now(UTC))
    show_answer(output, lambda: view, lambda: _tables(view), lambda: _rows(view))
    if output.is_for_people:
        _note_decisions(view)


def _rows(view: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    held = [{"issue_id": issue_id, "reason": reason} for issue_id, reason in sorted(view["held"].items())]
    return {"running": view["running"], "ready": view["ready"], "held": held}


def _tables(view: dict[str, Any]) -> list[Any]:
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
    held = sorted(view["held"].items())
    return [
        table("Running", ("issue", "state", "action", "decided by", "note"), running),
        table("Next", columns, ready),
        table("Held", ("issue", "why"), held[:_SHOWN]),
    ]


def _note_decisions(view: dict[str, Any]) -> None:
    more = max(0, len(view["ready"]) - _SHOWN) + max(0, len(view["held"]) - _SHOWN)
    if more:
        note(f"{more} more; -o json shows them all")
    lanes = ", ".join(f"{name} {count}" for name, count in sorted(view["lanes"].items()))
    note(f"ready by lane: {lanes or 'none'}; solved: {view['solved']}")
    decisions = view["decisions"]
    if decisions is None or not decisions["decisions"]:
        note("no decision yet; start with: bench run")
        return
    if not decisions["asked"]:
        explored = decisions["explored"]
        note(f"{decisions['decisions']} decisions by the heuristics, {explored} explored; the planner is off")
        return
    reasons = ", ".join(f"{reason} {count}" for reason, count in decisions["reasons"].items())
    note(
        f"{decisions['decisions']} decisions, {decisions['asked']} asked of the planner: fallback rate "
        f"{percent(decisions['fallback_rate'])}{f' ({reasons})' if reasons else ''}, agreement with what ran "
        f"{percent(decisions['agreement'])}, {decisions['explored']} explored"
    )
