"""The reference of the report views, made from the comments in `db/schema`: `python -m db.view_reference`."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from db.schema_files import schema_files

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "views.md"

_HEAD = """# Report views

Generated from the comments in `db/schema` by `python -m db.view_reference`; do not edit.

All views are in schema `report`. Grant the role `bench_reader`, which reads them and writes nothing, to a login,
and any SQL tool shows what the farm found. Money is in micro-dollars (integers) and dollars side by side, time
in milliseconds unless a name says otherwise. NULL means unknown or not there, never 0.
"""
_COMMENT = re.compile(
    r"COMMENT ON (VIEW|COLUMN) report\.(\w+)(?:\.(\w+))? IS\s+'((?:[^']|'')*)';", re.MULTILINE
)


@dataclass(frozen=True)
class View:
    """A view with its columns in order, each with its comment."""

    name: str
    about: str
    columns: tuple[tuple[str, str], ...]


def described_views() -> list[View]:
    """Every commented view, in the order of the schema files."""
    comments = [
        match for entry in schema_files() for match in _COMMENT.findall(entry.read_text(encoding="utf-8"))
    ]
    return [
        View(
            name,
            _text(about),
            tuple((column, _text(text)) for _, view, column, text in comments if column and view == name),
        )
        for kind, name, _, about in comments
        if kind == "VIEW"
    ]


def _text(literal: str) -> str:
    return literal.replace("''", "'")


def page() -> str:
    """The reference as Markdown."""
    return _HEAD + "".join(_section(view) for view in described_views())


def _section(view: View) -> str:
    rows = "".join(f"| `{name}` | {about} |\n" for name, about in view.columns)
    return f"\n## report.{view.name}\n\n{view.about}\n\n| column | meaning |\n| --- | --- |\n{rows}"


def main(arguments: list[str]) -> int:
    """Write the page; with `--check`, exit 1 where it is not current."""
    if arguments == ["--check"]:
        current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
        if not current:
            print(f"{PAGE} is not current; run: python -m db.view_reference", file=sys.stderr)
        return 0 if current else 1
    if arguments:
        print("usage: python -m db.view_reference [--check]", file=sys.stderr)
        return 2
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
