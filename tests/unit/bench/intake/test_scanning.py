"""The scanner of JSON: its work grows with the text, however broken, and a window of its decoder changes no value."""

import json
from typing import Any

import pytest

from bench.intake import json_line
from bench.intake.documents import scan_values


class CountingDecoder(json.JSONDecoder):
    """A decoder that counts the characters of the texts that it is given."""

    characters = 0

    def raw_decode(self, s: str, idx: int = 0) -> tuple[Any, int]:
        self.characters += len(s)
        return super().raw_decode(s, idx)


@pytest.fixture
def decoder(monkeypatch: pytest.MonkeyPatch) -> CountingDecoder:
    counting = CountingDecoder()
    monkeypatch.setattr(json_line, "_DECODER", counting)
    return counting


@pytest.mark.parametrize(
    ("head", "unit"),
    [
        ("", "{\n"),
        ("", '{"a":"\n'),
        ("", '{"a":1\n'),
        ("", '{"a":[\n'),
        ("", '"\n'),
        ('{"a":[\n' * 300, "1,\n"),
        ('{"a":[\n' * 300 + '"', "x"),
    ],
    ids=[
        "open",
        "open string",
        "half",
        "nested",
        "strings",
        "long in a deep one",
        "long string in a deep one",
    ],
)
def test_the_work_grows_with_the_text_and_no_faster(decoder: CountingDecoder, head: str, unit: str) -> None:
    work, size = [], []
    for count in (20_000, 80_000):
        decoder.characters = 0
        text = head + unit * count
        assert any(scanned.error for scanned in scan_values(text))
        work.append(decoder.characters)
        size.append(len(text))
    assert work[1] / work[0] < 1.5 * size[1] / size[0]
    assert work[1] < (2 * 4096 + 64) * size[1]


@pytest.mark.parametrize("length", range(4070, 4110))
def test_a_value_at_the_end_of_a_window_is_whole(length: int) -> None:
    values = [
        {"text": "x" * length},
        123456789012345678901234567890,
        True,
        None,
        -1.5e-7,
        "\u00e9\\",
        {"b": [1]},
    ]
    text = "".join(f"{json.dumps(value)}\n" for value in values)
    assert [(scanned.value, scanned.error) for scanned in scan_values(text)] == [
        (each, None) for each in values
    ]


@pytest.mark.parametrize("length", range(4070, 4110))
def test_an_error_at_the_end_of_a_window_is_the_values_own(length: int) -> None:
    text = f'{{"text": "{"x" * length}", "b": trux}}\n{{"c": 1}}\n'
    broken, good = scan_values(text)
    assert (broken.line, broken.error) == (1, "not JSON: Expecting value")
    assert (good.line, good.value) == (2, {"c": 1})
