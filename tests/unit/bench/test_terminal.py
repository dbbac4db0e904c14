"""Stored text on a terminal and in a pipe."""

import io

from rich.console import Console

from bench.terminal import print_parts, table, verbatim


def test_stored_lines_are_not_wrapped_and_keep_their_tabs() -> None:
    text = "a\tb " + "word " * 60 + "[bold]\n\n  end\x1b[2J"
    for is_terminal in (True, False):
        file = io.StringIO()
        print_parts(Console(file=file, width=40, force_terminal=is_terminal), [verbatim(text)])
        assert file.getvalue() == text.replace("\x1b", "\\x1b") + "\n"


def test_a_narrow_terminal_drops_the_columns_that_are_needed_least_and_breaks_no_id() -> None:
    rows = [("dep-102", "serial_handoff x1 15m", "x2", "the winner", "not identified")]
    columns = ("issue", "winner", "run", "baseline", "how sure")
    texts = []
    for width in (140, 64, 46):
        file = io.StringIO()
        print_parts(Console(file=file, width=width), [table(None, columns, rows, ("how sure", "baseline"))])
        texts.append(file.getvalue())
        assert "dep-102" in texts[-1]
        assert "x2" in texts[-1]
    assert ["how sure" in text for text in texts] == [True, False, False]
    assert ["baseline" in text for text in texts] == [True, True, False]
