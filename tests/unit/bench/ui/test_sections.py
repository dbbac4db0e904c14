"""Sections of a report: every table of a real one has its anchor and SQL, and contents name the page of each."""

import shlex

from bench.terminal import table
from bench.ui.parts import Line, TablePart, parts_of
from bench.ui.sections import contents, sql_line, with_anchors


def test_tables_have_anchors_and_the_sql_of_their_rows() -> None:
    parts = list(
        with_anchors(
            parts_of([table("Winners (minimize cost)", ("a",), [("1",)]), table("Other", ("a",), [("1",)])]),
            "b-1",
        )
    )
    winners, other = parts
    assert isinstance(winners, TablePart)
    assert winners.anchor == "winners"
    assert winners.sql == """bench psql -c "SELECT * FROM report.winners WHERE bench_id = 'b-1'\""""
    assert other.anchor is None


def test_lines_of_the_coverage_have_one_heading() -> None:
    lines = ["bench b-1  finished", "Not covered for code: a", "Not covered for fab-asset: b"]
    parts = list(with_anchors(parts_of(lines), "b-1"))
    assert [part.kind for part in parts] == ["heading", "line", "heading", "line", "line"]
    assert [entry.anchor for entry in contents([parts])] == ["run", "coverage"]


def test_contents_name_the_page_on_which_a_section_begins() -> None:
    first, second = (
        list(with_anchors(parts_of([table(title, ("a",), [("1",)])]), "b"))
        for title in ("Winners (x)", "Errors")
    )
    entries = contents([first, [*first, *second]])
    assert [(entry.anchor, entry.page) for entry in entries] == [("winners", 1), ("errors", 2)]


def test_a_hostile_id_is_one_word_of_the_shell_and_one_literal_of_sql() -> None:
    words = shlex.split(sql_line("winners", "b'; $(rm -rf /) \"--"))
    assert words[:3] == ["bench", "psql", "-c"]
    assert words[3] == "SELECT * FROM report.winners WHERE bench_id = 'b''; $(rm -rf /) \"--'"


def test_an_empty_report_has_no_contents() -> None:
    assert contents([[]]) == []
    assert contents([[Line(())]]) == []
