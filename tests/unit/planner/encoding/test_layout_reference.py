"""The reference of the encoding says what the encoder does."""

from planner.encoding.layout import LAYOUT_V2, positions
from planner.encoding.reference import PAGE, page


def test_the_reference_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m planner.encoding.reference"


def test_every_field_stands_in_the_reference_with_its_first_position() -> None:
    for path, (start, field) in positions(LAYOUT_V2).items():
        if "[" not in path or "[0]" in path:
            assert f"| `{field.name}` | {start} | {len(field.labels)} | {field.kind} |" in page()
