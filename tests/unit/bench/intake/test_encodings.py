"""Beads files in the encodings that shells and editors write, and as one JSON document."""

import codecs
import json
from pathlib import Path

import pytest

from bench.intake.beads import ImportReport, read_issues_file
from bench.intake.errors import IntakeError

TEXT = '{"id": "a", "title": "caf\u00e9 \u2028 \U0001f600"}\r\n\r\n{"title": "nameless"}\r\n{"id": "b"}'


def read(tmp_path: Path, content: bytes) -> ImportReport:
    file = tmp_path / "issues.jsonl"
    file.write_bytes(content)
    return read_issues_file(file)


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"),
        codecs.BOM_UTF32_BE + TEXT.encode("utf-32-be"),
    ],
    ids=["utf-8", "bom", "utf-16", "le", "be", "le without mark", "be without mark", "32 le", "32 be"],
)
def test_every_encoding_says_the_same(tmp_path: Path, content: bytes) -> None:
    report = read(tmp_path, content)
    assert [(issue.id, issue.title) for issue in report.issues] == [
        ("a", "caf\u00e9 \u2028 \U0001f600"),
        ("b", ""),
    ]
    assert report.bad_lines == [(3, "no id")]
    assert report.warnings == []


def test_text_that_is_not_what_its_mark_says_is_one_clear_line(tmp_path: Path) -> None:
    good = "\n".join(json.dumps({"id": str(n)}) for n in range(2_000))
    with pytest.raises(
        IntakeError, match=r"begins as UTF-16 but is not UTF-16 .*; save it as UTF-8"
    ) as error:
        read(tmp_path, good.encode("utf-16") + b"\x00\xd8\x00\x00")
    assert "\n" not in str(error.value)


def test_bytes_of_an_older_encoding_are_named_by_line(tmp_path: Path) -> None:
    report = read(tmp_path, b'{"id": "a"}\n{"id": "b", "title": "caf\xe9"}\n')
    assert [issue.title for issue in report.issues] == ["", "caf\ufffd"]
    assert report.warnings == [(2, "bytes that are not UTF-8 were replaced")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_array_is_read_with_the_lines_of_its_elements(tmp_path: Path, encoding: str) -> None:
    records = [{"id": "a", "title": "caf\u00e9, [x]\n}"}, 7, {"id": "b", "depends_on": ["a"]}]
    text = "\n" + json.dumps(records, indent=1, ensure_ascii=False)
    report = read(tmp_path, text.encode(encoding))
    assert [(issue.id, issue.title) for issue in report.issues] == [("a", "caf\u00e9, [x]\n}"), ("b", "")]
    assert report.bad_lines == [(7, "not a JSON object")]
    assert report.issues[1].dependencies[0].depends_on_id == "a"
    assert not report.ends_midway


def test_an_array_on_one_line_is_read(tmp_path: Path) -> None:
    report = read(tmp_path, b'[{"id": "a"},{"id": "b"}]\n')
    assert [issue.id for issue in report.issues] == ["a", "b"]
    assert report.bad_lines == []


def test_what_an_array_that_breaks_off_still_holds_is_read(tmp_path: Path) -> None:
    report = read(tmp_path, b'[{"id": "a"},\n {"id": "b",\n  "title": "cut')
    assert [issue.id for issue in report.issues] == ["a"]
    assert [number for number, _ in report.bad_lines] == [2, 3]
    assert report.ends_midway


@pytest.mark.parametrize("content", [b'\n[{"id": "a"},\n', b'\n[\n{"id": "a"}'])
def test_an_array_without_an_end_is_cut_off_even_between_two_elements(tmp_path: Path, content: bytes) -> None:
    report = read(tmp_path, content)
    assert [issue.id for issue in report.issues] == ["a"]
    assert report.bad_lines == [(2, "not JSON: the array that begins here has no end")]
    assert report.ends_midway


def test_an_object_spread_over_lines_says_how_to_write_it(tmp_path: Path) -> None:
    report = read(tmp_path, json.dumps({"id": "a"}, indent=2).encode())
    assert report.bad_lines[0] == (
        1,
        "not JSON: one object a line is wanted, not one spread over lines; write it with: jq -c .",
    )
