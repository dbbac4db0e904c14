"""Reports of the terminal as values for templates: every character, its style, and links to what is named."""

from rich.text import Text

from bench.terminal import Bullet, preformatted, styled, table
from bench.ui.parts import Line, StyledRun, TablePart, parts_of


def test_a_line_keeps_every_character_and_its_styles() -> None:
    (line,) = parts_of([styled(("Use it", "bold green"), ": +3 points ", ("sure", "red"))])
    assert isinstance(line, Line)
    assert line.text == "Use it: +3 points sure"
    assert [run.style for run in line.pieces] == ["good", "", "bad"]


def test_the_style_of_a_whole_text_applies_where_no_span_does() -> None:
    (line,) = parts_of([Text("failed", "red")])
    assert line == Line((StyledRun("failed", "bad"),))


def test_a_table_has_its_title_numbers_and_links() -> None:
    rows = [("dep-1", "x12", "c3", "$1.00"), ("dep-2", "x12-a1-c0-0d208a5d", "cx3", "$2.00")]
    (part,) = parts_of([table("Runs", ("issue", "run", "case", "cost>"), rows)], {"dep-1": "/cases/3"})
    assert isinstance(part, TablePart)
    assert part.title == "Runs"
    assert [column.is_number for column in part.columns] == [False, False, False, True]
    assert [[cell.href for cell in row] for row in part.rows] == [
        ["/cases/3", "/executions/12", "/cases/3", None],
        [None, "/executions/12", None, None],
    ]


def test_texts_are_told_from_lines_and_bullets() -> None:
    parts = list(parts_of([preformatted([("a  b", ""), ("c", "green")]), Bullet("next"), "", "line"]))
    assert [part.kind for part in parts] == ["pre", "bullet", "line"]
    (text, *_) = parts
    assert isinstance(text, Line)
    assert text.text == "a  b\nc"
