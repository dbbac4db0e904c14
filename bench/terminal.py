"""Terminal rendering: one console, one style of table.

Markup is off: `[bold]` in a title is printed as it is. Styles are arguments of `styled`, whose pieces are text.
"""

from collections.abc import Iterable, Sequence
from typing import IO, Any

from rich import box
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from bench.embedded.farm import PartStatus
from planner.cli.formats import json_value
from planner.cli.output import echo_json
from planner.cli.status_line import StatusLine
from planner.system.foreign_text import visible_line, visible_text

# Wide enough for a report in a pipe or a CI log, where there is no terminal width.
_PIPE_WIDTH = 140
# Columns of names that are copied, and how long a name may be to stay on one line.
_NAMES = frozenset({"issue", "run", "arm", "case", "bench", "risk/size"})
_SHORT = 24


def console() -> Console:
    """The terminal, or a plain pipe without colours."""
    probe = Console(markup=False, emoji=False)
    return probe if probe.is_terminal else plain_console(None)


def plain_console(file: IO[str] | None) -> Console:
    """A console for text that goes to a pipe or a file, standard output unless given."""
    return Console(file=file, width=_PIPE_WIDTH, color_system=None, markup=False, emoji=False)


def styled(*pieces: str | tuple[str, str]) -> Text:
    """One line of text from pieces, each plain or with a style; control characters are escaped visibly."""
    pairs = [(piece, "") if isinstance(piece, str) else piece for piece in pieces]
    return Text.assemble(*((visible_line(text), style) for text, style in pairs))


def show(*parts: RenderableType) -> None:
    """Print to standard output."""
    print_parts(console(), parts)


def print_parts(terminal: Console, parts: Iterable[RenderableType]) -> None:
    """Print parts one below the other, with an empty line between text and a titled table after it."""
    with StatusLine.pushed_aside():
        _print_parts(terminal, parts)


def _print_parts(terminal: Console, parts: Iterable[RenderableType]) -> None:
    text_before = False
    for part in parts:
        is_titled = isinstance(part, Table) and part.title is not None
        if is_titled and text_before:
            terminal.print()
        is_text = isinstance(part, str | Text)
        if isinstance(part, Verbatim):
            # Rich would expand tabs.
            terminal.file.write(part.plain + "\n")
        else:
            terminal.print(_shown(part, terminal))
        text_before = is_text


def _shown(part: RenderableType, terminal: Console) -> RenderableType:
    if isinstance(part, Table):
        return _fitting(part, terminal)
    return _line(part) if isinstance(part, str) else part


def _line(part: str) -> Text:
    return styled(f"- {part}" if isinstance(part, Bullet) else part)


def show_json(value: Any) -> None:
    """Print one JSON document to standard output."""
    echo_json(value, json_value)


class FittingTable(Table):
    """A table that has narrower forms: without one, two … of the columns that are needed least."""

    narrower: Sequence[Table] = ()


def table(
    title: str | None, columns: Sequence[str], rows: Iterable[Sequence[Any]], least_needed: Sequence[str] = ()
) -> Table:
    """A table; columns whose name ends in `>` are aligned to the right. A cell is text, or a `Text` with a style.

    A terminal that is too narrow drops the columns `least_needed`, the first of them first. Short names, such as the
    ids of issues and executions, are not broken.
    """
    texts = [[_cell(cell) for cell in row] for row in rows]
    result = _table(title, columns, texts)
    narrower = []
    for count in range(1, len(least_needed) + 1):
        kept = [n for n, column in enumerate(columns) if column not in least_needed[:count]]
        narrower.append(_table(title, [columns[n] for n in kept], [[row[n] for n in kept] for row in texts]))
    result.narrower = narrower
    return result


def _table(title: str | None, columns: Sequence[str], rows: Sequence[Sequence[Text]]) -> FittingTable:
    heading = None if title is None else Text(visible_line(title), "table.title")
    result = FittingTable(title=heading, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for n, column in enumerate(columns):
        result.add_column(
            Text(visible_text(column.removesuffix(">"))),
            justify="right" if column.endswith(">") else "left",
            overflow="fold",
            no_wrap=column in _NAMES and all(row[n].cell_len <= _SHORT for row in rows),
        )
    for row in rows:
        result.add_row(*row)
    return result


def _fitting(part: Table, terminal: Console) -> Table:
    """The widest form of a table that fits, else the narrowest."""
    forms = [part, *(part.narrower if isinstance(part, FittingTable) else ())]
    unbounded = terminal.options.update(width=10_000)
    widths = (Measurement.get(terminal, unbounded, form).maximum for form in forms)
    return next(
        (form for form, width in zip(forms, widths, strict=True) if width <= terminal.width), forms[-1]
    )


class Preformatted(Text):
    """Text of several lines that keeps its line breaks, also in Markdown. Its pieces are escaped by `preformatted`."""


def preformatted(lines: Iterable[tuple[str, str]]) -> Preformatted:
    """Lines, each with a style or an empty one; control characters are escaped visibly."""
    text = Preformatted(no_wrap=False, overflow="fold")
    for number, (line, style) in enumerate(lines):
        text.append("\n" * bool(number) + visible_text(line), style)
    return text


class Verbatim(Preformatted):
    """Text whose lines are printed as they are, however wide the terminal is."""


def verbatim(text: str) -> Verbatim:
    """A stored text with its lines and tabs; other control characters are escaped visibly."""
    lines = text.replace("\r\n", "\n").split("\n")
    return Verbatim("\n".join("\t".join(map(visible_line, line.split("\t"))) for line in lines))


class Bullet(str):
    """A line of a list; the lines of one list follow each other."""

    __slots__ = ()


def _cell(cell: Any) -> Text:
    return cell if isinstance(cell, Text) else Text("" if cell is None else visible_line(str(cell)))


def seconds(milliseconds: float | None) -> str:
    """Human-readable duration of `milliseconds`: `12.3 s`, `4 min 05 s`, `2 h 10 min`; `–` for None."""
    if milliseconds is None:
        return "–"
    whole = milliseconds / 1000
    if whole < 60:
        return f"{whole:.1f} s"
    if whole < 3600:
        return f"{int(whole // 60)} min {int(whole % 60):02d} s"
    return f"{int(whole // 3600)} h {int(whole % 3600 // 60):02d} min"


def counted(number: int, word: str) -> str:
    """A number with its noun, in the plural unless it is one."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def percent(share: float | None) -> str:
    """A share between 0 and 1 as a whole percentage; `–` for None."""
    return "–" if share is None else f"{100 * share:.0f} %"


def parts_shown(parts: Sequence[PartStatus]) -> list[RenderableType]:
    """The table of parts, and a line for each with an address for a browser."""
    return [
        parts_table(parts),
        *(f"the {part.name}: {part.url}" for part in parts if part.url is not None),
    ]


def parts_table(parts: Iterable[PartStatus]) -> Table:
    """A table of the processes of an embedded farm: state, process id and uptime."""
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
