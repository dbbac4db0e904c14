"""The field's words: no idioms, no vague variable names, one meaning for each class name."""

import re

import pytest

from tests.architecture.figures import PACKAGES, ROOT, banned_variables, class_names, idiom_rate, idioms

EXPLANATION = ROOT / "docs" / "explanation"
IDIOMS_PER_1000_WORDS = 2.0


@pytest.mark.parametrize("package", PACKAGES)
def test_docstrings_and_comments_use_plain_words(package: str) -> None:
    assert idiom_rate(package) <= IDIOMS_PER_1000_WORDS, (
        "python -m tests.architecture.figures lists the rates"
    )


def test_variables_say_what_the_value_is() -> None:
    assert banned_variables(*PACKAGES) == []


def test_a_class_name_has_one_meaning() -> None:
    doubled = {name: where for name, where in class_names(*PACKAGES).items() if len(where) > 1}
    assert doubled == {}


def test_an_idiom_is_seen_in_any_form() -> None:
    text = "The lease says it stands beside the bell. Whoever hears it goes on; nothing is retried."
    assert idioms(text) == ["says", "stands", "beside", "bell", "Whoever", "hears", "goes on"]


@pytest.mark.parametrize("page", ["glossary.md", "house.md"])
def test_explanations_name_files_that_exist(page: str) -> None:
    quoted = re.findall(r"`([^`\n]+/[^`\n]*)`", (EXPLANATION / page).read_text(encoding="utf-8"))
    assert len(quoted) > 40
    assert [path for path in quoted if not (ROOT / path).exists()] == []
