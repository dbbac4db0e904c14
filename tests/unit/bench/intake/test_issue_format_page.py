"""The reference page of the issue format has every field, status, label and format, and none that does not exist."""

import re
from pathlib import Path

import pytest

from bench.intake.beads_issue import FIELD_NAMES, make_issue
from bench.intake.dependencies import DECIDING
from bench.intake.fields import Fields
from bench.intake.formats.registry import NAMES
from bench.intake.issue import CLOSED_STATUSES, ESCALATION_TAGS, Issue
from bench.intake.mistakes import warn_of_mistakes
from workers.spec import Gate

PAGE = Path(__file__).resolve().parents[4] / "docs" / "reference" / "issue-format.md"
TEXT = PAGE.read_text(encoding="utf-8")


def part(heading: str) -> str:
    return re.split(r"^##+ ", TEXT.partition(f"{heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def test_the_table_has_every_key_and_no_other() -> None:
    keys = [row[0].strip("`") for row in rows(part("## An issue"))]
    assert sorted(keys) == sorted(FIELD_NAMES)


@pytest.mark.parametrize("name", ["dk_priority", "dk_risk", "dk_size", "status", "dk_attempts"])
def test_the_defaults_are_those_of_the_code(name: str) -> None:
    row = next(row for row in rows(part("## An issue")) if row[0] == f"`{name}`")
    assert row[3].split(";")[0].strip("`") == str(getattr(Issue(id="x"), name))


@pytest.mark.parametrize(
    ("minutes", "size"), [(30, "XS"), (31, "S"), (120, "S"), (480, "M"), (1440, "L"), (1441, "XL")]
)
def test_estimates_become_the_sizes_of_the_table(minutes: int, size: str) -> None:
    row = next(row for row in rows(part("## An issue")) if row[0] == "`estimated_minutes`")
    limits = dict(re.findall(r"(\d+) (XS|S|M|L)\b", row[2]))
    shown = next((name for limit, name in limits.items() if minutes <= int(limit)), "XL")
    issue = make_issue("x", Fields({"estimated_minutes": minutes}, lambda _text: None))
    assert shown == issue.dk_size == size


def test_statuses_tags_and_types_are_listed() -> None:
    for word in (*CLOSED_STATUSES, *ESCALATION_TAGS, *DECIDING, "test_patch", *Gate.model_fields):
        if word in Gate.model_fields and word not in ("test_patch", "fail_to_pass", "pass_to_pass"):
            continue
        assert f"`{word}`" in TEXT, word


def test_the_labels_of_the_table_set_their_fields() -> None:
    for labels, field in rows(part("### Labels that set a field")):
        for label in re.findall(r"`([^`]+)`", labels):
            issue = make_issue("x", Fields({"labels": [label]}, lambda _text: None))
            assert getattr(issue, field.strip("`")) == label.partition(":")[2]
            assert issue.tags == ()


def test_the_corrections_on_the_page_are_those_of_the_import() -> None:
    lines: list[str] = []
    warn_of_mistakes({"labels": ["dk_risk:critical", "priority:high"]}, lines.append)
    for line in lines:
        assert line in TEXT


def test_every_format_has_a_part_that_maps_to_fields() -> None:
    assert re.findall(r"^### `([a-z-]+)`$", part_of_formats(), re.MULTILINE) == list(NAMES)
    known = {*FIELD_NAMES, "extra", "related", "test_patch"}
    for name in NAMES[1:]:
        mapped = [re.match(r"`(\w+)`", row[1]) for row in rows(part(f"### `{name}`"))]
        assert len([match for match in mapped if match]) >= 5, name
        assert {match[1] for match in mapped if match} <= known, name


def part_of_formats() -> str:
    return TEXT.partition("## Formats\n")[2]
