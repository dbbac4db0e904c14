"""Labels, tags and keys that look as if they set a field are named, with what to write."""

from typing import Any

import pytest

from bench.intake.mistakes import warn_of_mistakes


def warnings(**record: Any) -> list[str]:
    lines: list[str] = []
    warn_of_mistakes(record, lines.append)
    return lines


@pytest.mark.parametrize(
    ("label", "correction"),
    [
        ("dk_risk:critical", "the label risk:critical"),
        ("dk-risk=high", "the label risk:high"),
        ("risk=high", "the label risk:high"),
        ("risk-high", "the label risk:high"),
        ("Risk:High", "the label risk:high"),
        ("risk::low", "the label risk:low"),
        ("severity:critical", "the label risk:critical"),
        ("dk_size:xl", "the label size:XL"),
        ("size/M", "the label size:M"),
        ("dk_tool_hint:codex", "the label tool:codex"),
        ("priority:high", '"dk_priority": "P1"'),
        ("P0", '"dk_priority": "P0"'),
        ("prio=4", '"dk_priority": "P3"'),
    ],
)
def test_a_likely_mistake_in_a_label_is_named(label: str, correction: str) -> None:
    assert warnings(labels=[label]) == [f"labels: {label!r} sets nothing; write {correction}"]


@pytest.mark.parametrize(
    "label",
    [
        "risk:critical",
        "risk: high",
        "size:m",
        "tool:codex",
        "bug",
        "risky",
        "risk-based",
        "tool-chain",
        "size-chart",
    ],
)
def test_other_labels_are_not(label: str) -> None:
    assert warnings(labels=[label]) == []


def test_a_tag_sets_nothing_in_any_spelling() -> None:
    assert warnings(tags=["risk:critical", "shop"]) == [
        'tags: \'risk:critical\' sets nothing; write "dk_risk": "critical"'
    ]


def test_a_key_of_another_name_is_named() -> None:
    assert warnings(risk="high") == ["risk: no field of an issue, so it sets nothing; write dk_risk"]
    assert warnings(risk="high", dk_risk="low") == []
