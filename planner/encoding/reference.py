"""Generator of the encoder's reference page from the layout: `python -m planner.encoding.reference`."""

from pathlib import Path
from typing import Final

from planner.encoding.layout import (
    HISTORY_SLOTS,
    LAYOUT_V1,
    LAYOUT_V2,
    LAYOUT_V3,
    LAYOUTS,
    Field,
    FieldBlock,
    layout_document,
)

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "reference" / "encoder.md"

_HEAD: Final = f"""# Encoding of a planner_input

Generated from `planner/encoding/layout.py` by `python -m planner.encoding.reference`; do not edit.

A `cyntra.planner_input.v1` becomes {LAYOUT_V1.size} features, each 0 or 1. The encoder returns the positions of
the ones, ascending: at most {LAYOUT_V1.max_positions}, in practice 100 to 250. A bundle carries the layout as
data in `tokenizer_config.json` with its fingerprint, the SHA-256 of that data; a bundle made for another layout
is refused.

## Rules

- **choice**: the position of the value. **choices**: the position of every value in the list.
- **range**: the class that a number falls into. Edges are the smallest number of each class after the first; a
  label of the list counts as itself where the field holds labels.
- **nearest**: the bin with the smallest distance, the lower on a tie; null is NA.
- **buckets**: the first 8 hexadecimal digits of the SHA-256 of the text (UTF-8) as a number, modulo the width;
  of a longer list the first values count. **code**: the bucket of 1024 in binary, bit0 worth 1.
- A label `null` is set where the value is missing, null or unknown; without such a label nothing is set. Values
  that a closed list does not know are counted; they never stop the encoder.
- The history holds the {HISTORY_SLOTS} newest runs, the newest in slot 0, equal starts by run id.
- A gates_passed bucket is 1 where every gate that falls into it passed: a failure is never hidden.
- Age counts from the run's start to `created_at`; nothing else is taken from `created_at`. The document's own job
  type decides which actions are valid and is no feature. The issue's id, title and description, the universe's
  id, and the tags, tokens and issue of runs are not encoded.
"""


def page() -> str:
    """The reference page as Markdown."""
    sections, start = [], 0
    for block in LAYOUT_V1.blocks:
        sections.append(_section(block, start))
        start += block.width * block.slots
    for layout, heading in ((LAYOUT_V2, _VERSION_2), (LAYOUT_V3, _VERSION_3)):
        sections += [heading, _section(layout.blocks[-1], start)]
    prints = "".join(
        f"| {layout.version} | {layout.size} | {layout.max_positions} | "
        f"`{layout_document(layout)['fingerprint']}` |\n"
        for layout in LAYOUTS.values()
    )
    return (
        f"{_HEAD}\n| version | features | most ones | fingerprint |\n| --- | --- | --- | --- |\n{prints}"
        + "".join(sections)
    )


_VERSION_2: Final = """
# Version 2

Version 1 with one block more: the issue's `keywords`, or where there are none (missing or null) the keywords of
its title and description.
"""


_VERSION_3: Final = """
# Version 3

Version 1 with one block more: the next eight runs of the history, the ninth newest in slot 0.
"""


def _section(block: FieldBlock, start: int) -> str:
    slots = f", {block.slots} slots of {block.width}" if block.slots > 1 else ""
    width = block.width * block.slots
    head = f"\n## {block.name}\n\nPositions {start} to {start + width - 1}: {width} features{slots}.\n\n"
    rows, position = [], start
    for field in block.fields:
        rows.append(_row(field, position))
        position += len(field.labels)
    first = "first (slot 0)" if block.slots > 1 else "first"
    return (
        f"{head}| field | {first} | width | kind | labels | note |\n| --- | --- | --- | --- | --- | --- |\n"
        + ("".join(rows))
    )


def _row(field: Field, start: int) -> str:
    about = [field.note] if field.note else []
    if field.edges:
        about.append("edges " + ", ".join(f"{edge:,}".replace(",", " ") for edge in field.edges))
    if field.first is not None:
        about.append(f"the first {field.first}")
    labels = _labels(field)
    return (
        f"| `{field.name}` | {start} | {len(field.labels)} | {field.kind} | {labels} | {'; '.join(about)} |\n"
    )


def _labels(field: Field) -> str:
    if field.kind in ("buckets", "code"):
        ends = field.labels if field.kind == "buckets" else field.labels[:-1]
        null = ", `null`" if field.kind == "code" else ""
        return f"`{ends[0]}` … `{ends[-1]}`{null}"
    return ", ".join(f"`{label}`" for label in field.labels if not label.startswith("reserved")) + (
        ", the rest reserved" if any(label.startswith("reserved") for label in field.labels) else ""
    )


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
