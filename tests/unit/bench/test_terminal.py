"""Stored text on a terminal and in a pipe."""

import io

from rich.console import Console

from bench.terminal import print_parts, verbatim


def test_stored_lines_are_not_wrapped_and_keep_their_tabs() -> None:
    text = "a\tb " + "word " * 60 + "[bold]\n\n  end\x1b[2J"
    for is_terminal in (True, False):
        file = io.StringIO()
        print_parts(Console(file=file, width=40, force_terminal=is_terminal), [verbatim(text)])
        assert file.getvalue() == text.replace("\x1b", "\\x1b") + "\n"
