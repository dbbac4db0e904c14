"""Pages of long texts: nothing is lost, no page is much larger than asked, and lines stay whole where they can."""

from hypothesis import given
from hypothesis import strategies as st

from bench.ui.paging import pages_of
from bench.ui.parts import Line, Part, StyledRun, TableColumn, TablePart

_TEXTS = st.lists(st.text(alphabet="ab\né", max_size=400), max_size=8)


def _text(part: Part) -> str:
    assert isinstance(part, Line)
    return part.text


def _line(*texts: str) -> Line:
    return Line(tuple(StyledRun(text, "good") for text in texts), "pre")


@given(_TEXTS, st.integers(40, 300))
def test_no_character_is_lost_and_no_page_is_too_large(texts: list[str], size: int) -> None:
    pages = pages_of([_line(*texts)], size)
    assert "".join(_text(part) for page in pages for part in page) == "".join(texts)
    # At most the piece that was too large for any page, and its markup.
    assert all(sum(len(_text(part).encode()) for part in page) <= 2 * size + 60 for page in pages)


def test_lines_are_cut_between_pages_only() -> None:
    pages = pages_of([_line("".join(f"line {number}\n" for number in range(100)))], 200)
    assert len(pages) > 3
    assert all(_text(page[0]).endswith("\n") for page in pages)


def test_rows_of_a_table_are_spread_with_its_heading() -> None:
    rows = tuple((_line(f"row {number}"),) for number in range(50))
    pages = pages_of([TablePart("T", (TableColumn("c", False),), rows)], 500)
    tables = [part for page in pages for part in page if isinstance(part, TablePart)]
    assert [row for part in tables for row in part.rows] == list(rows)
    assert {part.title for part in tables} == {"T"}


def test_nothing_is_one_empty_page() -> None:
    assert pages_of([]) == [[]]
