"""The fuzzer finds what it is for: crashes, endless work, files elsewhere, programs, refusals without a word."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.fixtures.fuzz import guard
from tests.fixtures.fuzz.engine import Target, run
from tests.fixtures.fuzz.mutate import json_document, json_lines, some_bytes


class SaysNoError(Exception):
    """How the parsers below may refuse."""


def refuses_or_crashes(data: bytes, place: Path) -> str:
    document = json.loads(data) if data.startswith(b"{") else {}
    if "a" not in document:
        raise SaysNoError("there is no a")
    return "x" * document["a"]


def found(feed: Any, place: Path, count: int = 300) -> str:
    target = Target("one", [b'{"a": 1, "b": [2]}'], json_document, feed, (SaysNoError, json.JSONDecodeError))
    return "\n".join(map(str, run(target, count, "1", place)))


def test_a_value_of_the_wrong_kind_is_found_and_made_small(tmp_path: Path) -> None:
    words = found(refuses_or_crashes, tmp_path)
    assert "TypeError" in words
    assert "can't multiply sequence" in words
    assert "input (1" in words
    assert "SaysNoError" not in words


def test_a_file_elsewhere_is_found_and_one_in_its_place_is_not(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()

    def writes(data: bytes, place: Path) -> str:
        (place / "own").write_bytes(data)
        (place / "own").rename(place / "other")
        if b"3" in data:
            (place / ".." / "elsewhere").write_bytes(data)
        return ""

    words = found(writes, tmp_path / "place")
    assert "it did what no parser does" in words
    assert "elsewhere" in words
    assert "own" not in words.splitlines()[0]


def connects() -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect_ex("/nothing-that-listens")


@pytest.mark.parametrize(
    "act",
    [
        lambda: subprocess.run([sys.executable, "-c", ""], check=True),
        lambda: Path("/tmp/nothing-that-is-there").unlink(missing_ok=True),
        connects,
    ],
    ids=["program", "removal", "connection"],
)
def test_what_no_parser_does_is_found(tmp_path: Path, act: Any) -> None:
    assert "it did what no parser does" in found(lambda data, place: str(act()), tmp_path, count=1)


def test_endless_work_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "CPU_SECONDS", 0.1)

    def spins(data: bytes, place: Path) -> str:
        while b"9" in data:
            pass
        return ""

    assert "too slow" in found(spins, tmp_path, count=60)


def test_a_refusal_without_a_word_is_found(tmp_path: Path) -> None:
    def refuses(data: bytes, place: Path) -> str:
        raise SaysNoError("")

    assert "a refusal without a word" in found(refuses, tmp_path, count=1)


def test_the_same_seed_makes_the_same_inputs() -> None:
    for mutate in (some_bytes, json_document, json_lines):
        seeds = [b'{"a": [1, {"b": null}]}\n{"c": 2}', b'{"d": "e"}']
        made = [[mutate(Random(f"{number}"), seeds) for number in range(200)] for _ in range(2)]
        assert made[0] == made[1]
        assert len(set(made[0])) > 100
