"""Progress bar with the time left, on a terminal alone.

A thread draws it ten times a second, so that a loop pays for a counter and nothing else. The bar appears after half a
second and is removed at the end: quick commands, logs and pipes stay as they are.
"""

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from typing import Final

from planner.cli.status_line import StatusLine
from planner.cli.verbosity import is_as_usual
from planner.system.foreign_text import visible_line
from planner.system.plain_log import is_json
from planner.system.progress import Item, ProgressReporter, no_progress

_AFTER_SECONDS: Final = 0.5
_EVERY_SECONDS: Final = 0.1
_CELLS: Final = 24
_WAITING: Final = 6
"""Cells of the block that moves where the number of items is not known."""


def wants_progress() -> bool:
    """Whether standard error is a terminal where progress is to be shown; with `-v` the log has its place."""
    is_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    return is_terminal and is_as_usual() and not is_json()


@contextmanager
def progress(title: str) -> Iterator[ProgressReporter]:
    """The progress reporter of a command; outside its loops it shows `title` and the time since it began."""
    if not wants_progress():
        yield no_progress
        return
    with ProgressDisplay(title) as display:
        yield display


class ProgressTask:
    """A loop that is under way."""

    __slots__ = ("done", "started", "total", "what")

    def __init__(self, what: str, total: int | None) -> None:
        self.what, self.total, self.done = what, total, 0
        self.started = time.monotonic()


class ProgressDisplay:
    """Context manager that draws the loops under way, the outer ones first; a `ProgressReporter`."""

    def __init__(self, title: str) -> None:
        self._title = ProgressTask(title, None)
        self._tasks: list[ProgressTask] = []
        self._line = StatusLine(sys.stderr)
        self._signs = "━─" if _can_encode(sys.stderr.encoding, "━─") else "#-"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="progress", daemon=True)

    def __enter__(self) -> "ProgressDisplay":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()
        self._line.erase()

    def __call__(self, items: Iterable[Item], what: str, total: int | None = None, /) -> Iterator[Item]:
        """The items, counted."""
        if total is None and isinstance(items, Sized):
            total = len(items)
        task = self.begin(what, total)
        try:
            for item in items:
                yield item
                task.done += 1
        finally:
            self.end(task)

    def begin(self, what: str, total: int | None) -> ProgressTask:
        """A new loop, whose caller counts `done` itself."""
        task = ProgressTask(what, total)
        self._tasks.append(task)
        return task

    def end(self, task: ProgressTask) -> None:
        """The loop is over."""
        self._tasks.remove(task)

    def under_way(self) -> tuple[ProgressTask, ...]:
        """The loops that have begun and are not over, the outer ones first."""
        return tuple(self._tasks)

    def _draw(self) -> None:
        wait = _AFTER_SECONDS
        while not self._over.wait(wait):
            tasks = self.under_way() or (self._title,)
            self._line.draw(progress_line(tasks, time.monotonic(), self._line.columns, self._signs))
            wait = _EVERY_SECONDS


def _can_encode(encoding: str | None, text: str) -> bool:
    try:
        text.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def progress_line(tasks: Sequence[ProgressTask], now: float, columns: int, signs: str = "━─") -> str:
    """One line of at most `columns` for nested loops: counts of the outer ones, a bar and the time left of the last.

    A loop of unknown length has a moving block, and the time since it began.
    """
    task = tasks[-1]
    outer = "".join(f"{each.what} {_count(each, 1)}, " for each in tasks[:-1])
    words = visible_line(f"{outer}{task.what}")
    end = f"{_count(task)}  {_time(task, now)}".strip()
    # Where there is little space the bar goes first, then the words.
    bar = f"  {_bar(task, now, signs)}" if len(words) + len(end) + _CELLS + 4 <= columns else ""
    space = max(columns - len(end) - 2, 0)
    if not bar and len(words) > space:
        words = f"{words[: max(space - 1, 0)]}…" if signs[0] == "━" else words[:space]
    return f"{words}{bar}  {end}"[:columns]


def _count(task: ProgressTask, ahead: int = 0) -> str:
    """How many items are done; `ahead` 1 is the number of the one under way."""
    if task.total is None:
        return f"{task.done:,}" if task.done else ""
    return f"{min(task.done + ahead, task.total):,}/{task.total:,}"


def _time(task: ProgressTask, now: float) -> str:
    elapsed = now - task.started
    if task.total is None:
        return _clock(elapsed)
    if not task.done:
        return "-:--:-- left"
    return f"{_clock(elapsed / task.done * max(task.total - task.done, 0))} left"


def _clock(seconds: float) -> str:
    minutes, whole = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{whole:02d}"


def _bar(task: ProgressTask, now: float, signs: str) -> str:
    full, empty = signs[0], signs[1]
    if task.total is None:
        before = int((now - task.started) * 10) % (_CELLS - _WAITING + 1)
        return f"{empty * before}{full * _WAITING}{empty * (_CELLS - _WAITING - before)}"
    cells = min(_CELLS * task.done // max(task.total, 1), _CELLS)
    return f"{full * cells}{empty * (_CELLS - cells)}"
