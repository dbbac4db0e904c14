"""Progress bar on a terminal: rich's where it is installed, else a line of text; nothing in a pipe."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from planner.cli.output import echo, show_progress
from planner.cli.verbosity import is_quiet
from planner.system.foreign_text import visible_line
from planner.system.plain_log import is_json

Report = Callable[[str, int, int], None]
"""Progress callback: description, completed, total."""
_EVERY_SECONDS: Final = 0.1


def wants_progress() -> bool:
    """Whether standard error is a terminal where progress is to be shown."""
    return sys.stderr.isatty() and not is_quiet() and not is_json()


@contextmanager
def progress() -> Iterator[Report]:
    """A rate-limited progress callback; each new description starts a new bar."""
    if not wants_progress():
        yield lambda _what, _done, _total: None
        return
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TaskID,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )
    except ModuleNotFoundError:
        yield _rate_limited(_line)
        echo(err=True)
        return
    tasks: dict[str, TaskID] = {}
    words = TextColumn("{task.description}", style="progress.description", markup=False)
    columns = (words, BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                for earlier in tasks.values():
                    bars.update(earlier, visible=False)
                tasks[what] = bars.add_task(visible_line(what), total=total)
            bars.update(tasks[what], completed=done)

        yield _rate_limited(show)


def _line(what: str, done: int, total: int) -> None:
    show_progress(f"{what} {done}/{total}")


def _rate_limited(show: Report) -> Report:
    """Rate limit of `show`: a new description, or one call every tenth of a second."""
    last, shown = "", 0.0

    def report(what: str, done: int, total: int) -> None:
        nonlocal last, shown
        now = time.monotonic()
        if what != last or now - shown >= _EVERY_SECONDS:
            last, shown = what, now
            show(what, done, total)

    return report
