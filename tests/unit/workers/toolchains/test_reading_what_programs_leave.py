"""Reading growing, broken and hostile files."""

import os
import stat
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.toolchains import version
from workers.toolchains.jsonl import MAX_LINE_BYTES, Follower, add_up
from workers.toolchains.provider import failure, is_provider_failure, secret_names
from workers.untrusted import count, dollars, micro, one_line, parse_json, read_bytes


class Seen:
    def __init__(self) -> None:
        self.events: list[Any] = []

    def feed(self, event: dict[str, Any]) -> None:
        self.events.append(event.get("n"))


@given(st.lists(st.integers(1, 30), max_size=20))
def test_a_file_read_in_pieces_adds_up_like_a_file_read_at_once(pieces: list[int]) -> None:

    text = b"".join(b'{"n": %d}\n' % n for n in range(12))
    with tempfile.TemporaryDirectory() as folder:
        path, follower, written = Path(folder) / "s", Follower(Seen), 0
        for piece in pieces:
            with path.open("ab") as file:
                file.write(text[written : written + piece])
            written = min(written + piece, len(text))
            complete = text[:written].count(b"\n")
            assert follower.so_far(path).events == list(range(complete))


def test_a_replaced_or_shortened_file_is_read_anew(tmp_path: Path) -> None:
    path, follower = tmp_path / "s", Follower(Seen)
    assert follower.so_far(path).events == []
    path.write_text('{"n": 1}\n{"n": 2}\n')
    assert follower.so_far(path).events == [1, 2]
    path.write_text('{"n": 3}\n')
    assert follower.so_far(path).events == [3]
    other = tmp_path / "o"
    other.write_text('{"n": 4}\n{"n": 5}\n{"n": 6}\n')
    other.replace(path)
    assert follower.so_far(path).events == [4, 5, 6]


def test_only_what_is_new_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, follower = tmp_path / "s", Follower(Seen)
    path.write_bytes(b'{"n": 1}\n' * 1000)
    follower.so_far(path)
    asked: list[int] = []
    pread = os.pread

    def recorded(fd: int, n: int, offset: int) -> bytes:
        asked.append(offset)
        return pread(fd, n, offset)

    monkeypatch.setattr(os, "pread", recorded)
    assert len(follower.so_far(path).events) == 1000
    assert asked == [9000]


def test_a_line_too_long_is_dropped_and_the_next_one_read(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_bytes(b'{"n": "' + b"x" * (MAX_LINE_BYTES + 10) + b'"}\n{"n": 2}\n{"n": 3}')
    assert add_up(path, Seen()).events == [2, 3]


def test_a_named_pipe_a_link_and_a_folder_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("{}")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    for name in ("pipe", "link", "missing", "."):
        assert read_bytes(tmp_path / name) is None
        assert add_up(tmp_path / name, Seen()).events == []
    assert read_bytes(tmp_path / "file", 1) == b"{"


@given(st.text())
def test_a_message_is_one_storable_line(text: str) -> None:
    line = one_line(text)
    assert len(line) <= 300
    assert line.encode("utf-8").isascii() or line.isprintable()
    assert "\0" not in line
    assert "\n" not in line


def test_keys_are_blotted_out_of_messages() -> None:
    assert "abcdef" not in one_line("Incorrect API key provided: sk-proj-abcdef123456.")


@pytest.mark.parametrize("value", [True, -1, 1.5, float("nan"), float("inf"), 10**16, "3", None, [1]])
def test_what_is_no_count_is_none(value: object) -> None:
    assert count(value) is None


@pytest.mark.parametrize("value", [True, -0.1, float("nan"), float("inf"), 10**400, 1e9, "3", None])
def test_what_is_no_amount_is_none(value: object) -> None:
    assert dollars(value) is None


def test_amounts_are_never_rounded_down() -> None:
    assert micro(0.0000001) == 1
    assert micro(0.07) == 70_000
    assert micro(None) is None


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5000, "nul", "", b"\xff"])
def test_what_is_no_json_is_none(text: str | bytes) -> None:
    assert parse_json(text) is None


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("anthropic/claude-haiku-4-5", ("ANTHROPIC_API_KEY",)),
        ("claude-haiku-4-5", ("ANTHROPIC_API_KEY",)),
        ("gpt-5.4-mini", ("OPENAI_API_KEY",)),
        ("openrouter/anthropic/claude-haiku-4-5", ("OPENROUTER_API_KEY",)),
        ("google/gemini-2.5-pro", ("GOOGLE_GENERATIVE_AI_API_KEY", "GEMINI_API_KEY")),
        ("gemini/gemini-2.5-pro", ("GEMINI_API_KEY",)),
        ("fireworks-ai/x", ("FIREWORKS_AI_API_KEY",)),
        ("ollama/qwen3", ()),
        ("something-else", ()),
        (None, ()),
    ],
)
def test_a_model_gets_the_key_of_its_provider(model: str | None, names: tuple[str, ...]) -> None:
    assert secret_names(model) == names


@pytest.mark.parametrize(
    "text",
    [
        "Rate limited",
        "overloaded_error",
        "HTTP 503",
        "invalid x-api-key: authentication_error",
        "Your credit balance is too low",
        "stream disconnected before completion",
        "Insufficient credits",
    ],
)
def test_a_provider_is_told_by_its_words(text: str) -> None:
    assert is_provider_failure(text)
    assert failure(text, "").error_class == "provider"


@pytest.mark.parametrize("text", ["prompt is too long: 210000 tokens", "context window exceeded (400)"])
def test_too_much_for_the_model_is_the_candidates_own_failure(text: str) -> None:
    assert failure(text, "").status == "failed"


def program(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_version_is_asked_once_for_each_installed_file(tmp_path: Path) -> None:
    tool = program(tmp_path / "tool", f"echo x >> {tmp_path}/asked; echo 'tool v1.2.3-rc1 (x)'")
    assert version.ask(tool) == "1.2.3-rc1"
    assert version.ask(tool) == "1.2.3-rc1"
    assert (tmp_path / "asked").read_text() == "x\n"
    os.utime(program(tmp_path / "tool", "echo 2.0.0."), ns=(1, 1))
    assert version.ask(tool) == "2.0.0"


def test_a_version_that_is_not_told_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert version.ask(str(tmp_path / "missing")) is None
    assert version.ask(program(tmp_path / "mute", "exit 0")) is None
    assert version.ask(program(tmp_path / "asks", "read answer || echo 'stdin closed 9.9'")) == "9.9"
    monkeypatch.setattr(version, "LIMIT_SECONDS", 0.3)
    assert version.ask(program(tmp_path / "slow", "sleep 30 & cat; wait; echo 9.9")) is None


def test_a_version_is_asked_without_the_workers_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
    tool = program(tmp_path / "env", 'echo "1.0.${ANTHROPIC_API_KEY:-0}"')
    assert version.ask(tool) == "1.0.0"
