"""The queue of a stream as tables, and its decisions in one line, for the terminal and the page."""

from typing import Any, Final

from rich.table import Table

from bench.terminal import percent, table

Json = dict[str, Any]
SHOWN: Final = 20
"""Issues that a table shows at most."""


def queue_tables(view: Json) -> list[Table]:
    """What runs, what is next and what is held, from `queue_view`."""
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
        for number, r in enumerate(view["ready"][:SHOWN], start=1)
    ]
    columns = ("#>", "issue", "priority now", "lane", "work behind it>", "waits since (UTC)")
    held = sorted(view["held"].items())
    return [
        table("Running", ("issue", "state", "action", "decided by", "note"), running),
        table("Next", columns, ready),
        table("Held", ("issue", "why"), held[:SHOWN]),
    ]


def not_shown(view: Json) -> int:
    """How many ready and held issues the tables leave out."""
    return max(0, len(view["ready"]) - SHOWN) + max(0, len(view["held"]) - SHOWN)


def lanes_line(view: Json) -> str:
    """Ready issues by lane, and solved ones, in one line."""
    lanes = ", ".join(f"{name} {count}" for name, count in sorted(view["lanes"].items()))
    return f"ready by lane: {lanes or 'none'}; solved: {view['solved']}"


def decisions_line(decisions: Json | None) -> str:
    """The decisions of a stream in one line, from `decisions_view`: fallback rate, agreement, exploration."""
    if decisions is None or not decisions["decisions"]:
        return "no decision yet; start with: bench run"
    if not decisions["asked"]:
        explored = decisions["explored"]
        return (
            f"{decisions['decisions']} decisions by the heuristics, {explored} explored; the planner is off"
        )
    reasons = ", ".join(f"{reason} {count}" for reason, count in decisions["reasons"].items())
    return (
        f"{decisions['decisions']} decisions, {decisions['asked']} asked of the planner: fallback rate "
        f"{percent(decisions['fallback_rate'])}{f' ({reasons})' if reasons else ''}, agreement with what ran "
        f"{percent(decisions['agreement'])}, {decisions['explored']} explored"
    )
