"""Progress bars: what their line shows, that they change no loop, and where they stay away."""

import io
import os
import sys
from collections.abc import Iterator

import pytest

from planner.cli.output import note
from planner.cli.progress import ProgressDisplay, ProgressTask, progress, progress_line, wants_progress
from planner.cli.status_line import StatusLine
from planner.cli.verbosity import reset
from planner.system.progress import no_progress


def task(what: str, total: int | None, done: int, started: float = 0.0) -> ProgressTask:
    made = ProgressTask(what, total)
    made.done, made.started = done, started
    return made


class Terminal:
    """A pseudo-terminal that becomes standard error when it is entered: pytest replaces the stream before each test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self._ours, self._theirs = os.openpty()
        self._stream = os.fdopen(self._theirs, "w", encoding="utf-8")

    def enter(self) -> None:
        """Set standard error."""
        self._patch.setattr(sys, "stderr", self._stream)
        self._patch.setenv("TERM", "xterm")
        self._patch.delenv("BENCH_LOG_FORMAT", raising=False)
        reset("planner")

    def written(self) -> str:
        """What was written to it so far."""
        os.set_blocking(self._ours, False)
        try:
            return os.read(self._ours, 1_000_000).decode()
        except BlockingIOError:
            return ""

    def close(self) -> None:
        """Close both ends."""
        self._stream.close()
        os.close(self._ours)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    made = Terminal(monkeypatch)
    yield made
    made.close()


def test_a_loop_of_known_length_has_the_time_left() -> None:
    line = progress_line([task("reading archives", 2000, 500)], 10.0, 100)
    assert line == "reading archives  ━━━━━━──────────────────  500/2,000  0:00:30 left"


def test_before_the_first_item_no_time_is_known() -> None:
    assert progress_line([task("reading", 9, 0)], 5.0, 60).endswith("0/9  -:--:-- left")


def test_a_loop_of_unknown_length_has_a_moving_block_and_the_time_since_its_start() -> None:
    lines = [progress_line([task("exporting", None, 0)], now, 100) for now in (0.0, 1.0)]
    assert lines[0].split() == ["exporting", "━━━━━━──────────────────", "0:00:00"]
    assert lines[1].split() == ["exporting", "──────────━━━━━━────────", "0:00:01"]


def test_the_loops_around_it_are_named_first() -> None:
    line = progress_line([task("fold", 5, 1), task("reading", 10, 5)], 1.0, 100)
    assert line.startswith("fold 2/5, reading  ━")
    assert line.endswith("5/10  0:00:01 left")


@pytest.mark.parametrize("columns", range(20, 120))
def test_a_line_fits_its_terminal_and_keeps_the_time(columns: int) -> None:
    line = progress_line([task("reading archives of the farm", 100, 50)], 60.0, columns)
    assert len(line) <= columns
    assert "0:01:00" in line or columns < 24


def test_control_characters_are_escaped_and_ascii_is_enough() -> None:
    line = progress_line([task("a\x1b[2J", 2, 1)], 1.0, 80, "#-")
    assert line.isascii()
    assert line.isprintable()


def test_a_loop_gets_the_same_items_lazily_and_in_order() -> None:
    for report in (no_progress, ProgressDisplay("title")):
        taken = []

        def items() -> Iterator[int]:
            for number in range(5):
                taken.append(number)  # noqa: B023 - called in this turn
                yield number

        wrapped = report(items(), "counting", 5)
        assert taken == []
        assert next(wrapped) == 0
        assert taken == [0]
        assert list(wrapped) == [1, 2, 3, 4]
        assert list(report([], "nothing")) == []


def test_a_loop_that_fails_or_is_left_is_over() -> None:
    display = ProgressDisplay("title")
    for item in display("abc", "letters"):
        assert [each.what for each in display.under_way()] == ["letters"]
        if item == "b":
            break

    def failing() -> Iterator[str]:
        yield "a"
        raise OSError("unreadable")

    with pytest.raises(OSError, match="unreadable"):
        list(display(failing(), "letters"))
    assert display.under_way() == ()


def test_a_quick_command_writes_nothing(terminal: Terminal) -> None:
    terminal.enter()
    with progress("quick") as report:
        assert report is not no_progress
        assert list(report(range(1000), "counting")) == list(range(1000))
    assert terminal.written() == ""


def test_a_note_pushes_the_bar_aside_and_the_end_removes_it(terminal: Terminal) -> None:
    terminal.enter()
    line = StatusLine(sys.stderr)
    line.draw("reading  5/10")
    note("skipped w-1")
    line.draw("reading  6/10")
    line.erase()
    line.erase()
    erase = "\r\x1b[K"
    assert terminal.written() == f"{erase}reading  5/10{erase}skipped w-1\r\n{erase}reading  6/10{erase}"


@pytest.mark.parametrize(
    ("name", "value"), [("TERM", "dumb"), ("BENCH_LOG_FORMAT", "json")], ids=["dumb", "json log"]
)
def test_no_bar_where_lines_are_not_overwritten(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    terminal.enter()
    assert wants_progress()
    monkeypatch.setenv(name, value)
    assert not wants_progress()


def test_no_bar_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not wants_progress()
    with progress("long") as report:
        assert report is no_progress
