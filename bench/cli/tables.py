"""How things look at the terminal: one console, one style of table."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import click
from rich import box
from rich.console import Console, RenderableType
from rich.table import Table

from bench.embedded.farm import PartStatus

# Wide enough for a report in a pipe or a CI log, where there is no terminal to ask.
_PIPE_WIDTH = 140


def console() -> Console:
    """The terminal, or a plain pipe without colours."""
    probe = Console()
    return probe if probe.is_terminal else Console(width=_PIPE_WIDTH, color_system=None)


def show(*things: RenderableType) -> None:
    """Print to standard output."""
    print_parts(console(), things)


def print_parts(terminal: Console, parts: Iterable[RenderableType]) -> None:
    """Print one below the other; a table's title stands apart from the text before it."""
    text_before = False
    for part in parts:
        is_titled = isinstance(part, Table) and part.title is not None
        if is_titled and text_before:
            terminal.print()
        terminal.print(part)
        text_before = isinstance(part, str)


def show_json(value: Any) -> None:
    """Print one JSON document to standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return float(value)
    return str(value)


def table(title: str | None, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """A table; columns whose name ends in `>` are aligned to the right."""
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(
            column.removesuffix(">"), justify="right" if column.endswith(">") else "left", overflow="fold"
        )
    for row in rows:
        made.add_row(*("" if cell is None else str(cell) for cell in row))
    return made


def seconds(milliseconds: float | None) -> str:
    """A duration for people."""
    if milliseconds is None:
        return "–"
    whole = milliseconds / 1000
    if whole < 60:
        return f"{whole:.1f} s"
    if whole < 3600:
        return f"{int(whole // 60)} min {int(whole % 60):02d} s"
    return f"{int(whole // 3600)} h {int(whole % 3600 // 60):02d} min"


def percent(share: float | None) -> str:
    """A share of 1 for people."""
    return "–" if share is None else f"{100 * share:.0f} %"


def parts_table(parts: Iterable[PartStatus]) -> Table:
    """The parts of an embedded farm."""
    rows = [
        (
            part.name,
            part.state,
            part.pid,
            seconds(part.uptime_seconds * 1000) if part.uptime_seconds is not None else None,
        )
        for part in parts
    ]
    return table(None, ("part", "state", "pid>", "up>"), rows)
