"""The queue of a stream as tables and lines, for `bench queue` and the page."""

from collections.abc import Iterator
from typing import Any

from rich.table import Table

from bench.terminal import percent, table

_SHOWN = 20


def queue_tables(view: dict[str, Any]) -> list[Table]:
    """What runs, what is next, and what is held."""
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


def decision_lines(view: dict[str, Any]) -> Iterator[str]:
    """How many more there are, and how the actions were decided so far."""
    more = max(0, len(view["ready"]) - _SHOWN) + max(0, len(view["held"]) - _SHOWN)
    if more:
        yield f"{more} more; -o json shows them all"
    lanes = ", ".join(f"{name} {count}" for name, count in sorted(view["lanes"].items()))
    yield f"ready by lane: {lanes or 'none'}; solved: {view['solved']}"
    decisions = view["decisions"]
    if decisions is None or not decisions["decisions"]:
        yield "no decision yet; start with: bench run"
        return
    if not decisions["asked"]:
        explored = decisions["explored"]
        yield (
            f"{decisions['decisions']} decisions by the heuristics, {explored} explored; the planner is off"
        )
        return
    reasons = ", ".join(f"{reason} {count}" for reason, count in decisions["reasons"].items())
    yield (
        f"{decisions['decisions']} decisions, {decisions['asked']} asked of the planner: fallback rate "
        f"{percent(decisions['fallback_rate'])}{f' ({reasons})' if reasons else ''}, agreement with what ran "
        f"{percent(decisions['agreement'])}, {decisions['explored']} explored"
    )
