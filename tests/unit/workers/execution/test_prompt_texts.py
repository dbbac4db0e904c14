"""What of an issue's own texts a prompt holds."""

import pytest

from tests.unit.workers.execution.test_decisions import ORDER
from workers.execution.prompt import manifest, prompt, rendered_sample


def prompt_with(**fields: object) -> str:
    return prompt(ORDER.model_copy(update={"issue": {**ORDER.issue, **fields}}), 1, [])


def test_design_and_notes_have_sections_of_their_own() -> None:
    text = prompt_with(design="Use rates.csv", notes="Leave the cache")
    places = [
        text.index(part)
        for part in ("Text", "## Design\n\nUse rates.csv", "## Notes\n\nLeave the cache", "## Acceptance")
    ]
    assert places == sorted(places)


@pytest.mark.parametrize("empty", [None, "", " \n"])
def test_an_empty_text_has_no_section(empty: str | None) -> None:
    assert "## Design" not in prompt_with(design=empty)
    assert "## Notes" not in prompt_with(notes=empty)


@pytest.mark.parametrize("field", ["description", "design", "notes"])
def test_no_text_crowds_out_the_others_and_the_manifest_has_all_of_it(field: str) -> None:
    text = prompt_with(**{field: "x" * 1_000_000})
    assert len(text) < 70_000
    assert "[cut here: 1000000 characters; manifest.json has all of them]" in text
    assert "## How it is checked" in text
    order = ORDER.model_copy(update={"issue": {**ORDER.issue, field: "x" * 1_000_000}})
    assert len(manifest(order, 1, 0, 1.0, [])["issue"][field]) == 1_000_000


def test_the_rendered_sample_has_every_section() -> None:
    """What the sample leaves out could be reworded without a new policy epoch."""
    sections = {line for line in rendered_sample().splitlines() if line.startswith("#")}
    titles = ("Design", "Notes", "Acceptance criteria", "Files to look at first", "Do not change")
    others = ("# Title", "## How it is checked", "## What the checks said of round 1")
    assert sections == {*(f"## {title}" for title in titles), *others}
