"""The file of a conversation: compressed, redacted, whole, and made of anything that a program may write."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.workers.conversation.helpers import CONVERSATIONS, all_text, checked, only_round
from workers.conversation.programs.reading import Round
from workers.conversation.store import conversation_file, conversation_of, packed, unpacked
from workers.gateway.transcript import read
from workers.result import RoundResult
from workers.sandbox.capture import Capture
from workers.workcell import WorkcellDirectories


def test_secrets_are_redacted_however_json_writes_them() -> None:
    secret = 'pass"word\\é-123'
    file = packed({"steps": [{"message": f"key sk-real-key-1 and {secret}"}]}, ["sk-real-key-1", secret])
    assert unpacked(file) == {"steps": [{"message": "key [secret] and [secret]"}]}
    assert unpacked(
        packed({"cost": 123456789, "arguments": {"sk-real-key-1": 1}}, ["123456", "sk-real-key-1"])
    ) == {
        "cost": 123456789,
        "arguments": {"[secret]": 1},
    }


def test_the_same_conversation_is_the_same_file() -> None:
    document = conversation_of("claude", only_round(CONVERSATIONS / "claude-sub.jsonl"))
    assert packed(document, []) == packed(document, [])
    assert json.loads(gzip.decompress(packed(document, []))) == document


def test_the_gateways_transcript_comes_before_the_programs_output() -> None:
    rounds = only_round(CONVERSATIONS / "claude-trunc.jsonl")
    calls = read(CONVERSATIONS / "transcript-claude-sub.jsonl")
    document = conversation_of("claude", rounds, calls, version="2.1.197", model="claude-sonnet-4-5")
    assert document["extra"]["source"] == "gateway"
    assert document["agent"] == {"name": "claude", "version": "2.1.197", "model_name": "claude-sonnet-4-5"}
    assert conversation_of("claude", rounds, [])["extra"]["source"] == "program"


def test_the_mark_of_an_omitted_middle_is_kept(tmp_path: Path) -> None:
    stdout = tmp_path / "stdout"
    lines = (CONVERSATIONS / "claude-sub.jsonl").read_bytes()
    with Capture(stdout, len(lines) // 2) as capture:
        capture.feed(lines)
    text = all_text(checked(conversation_of("claude", only_round(stdout))))
    assert "bytes left out" in text
    assert "Fixed with a helper." in text


def test_output_of_an_unknown_program_is_kept_as_it_is(tmp_path: Path) -> None:
    stdout = tmp_path / "stdout"
    stdout.write_text("first\nsecond\n")
    document = checked(conversation_of("my-agent", [Round(stdout, tmp_path, "Fix it.")]))
    assert [each["message"] for each in document["steps"]] == ["Fix it.", "first\nsecond"]


def test_a_candidate_is_one_file_with_all_its_rounds(tmp_path: Path) -> None:
    cell = WorkcellDirectories("wc", tmp_path)
    cell.logs.mkdir()
    for number, name in ((1, "claude-sub.jsonl"), (2, "pi-fix.jsonl")):
        (cell.inside / f"round-{number}").mkdir(parents=True)
        (cell.inside / f"round-{number}" / "prompt.md").write_text(f"Prompt {number}.")
        shutil.copy(CONVERSATIONS / name, cell.logs / f"round-{number}.stdout")
    played = [
        RoundResult(toolchain=name, toolchain_version="1", status="success", duration_ms=1)
        for name in ("claude", "pi")
    ]
    document = checked(unpacked(conversation_file(cell, played, ["SUBTASK-77"]) or b""))
    answers = [each["message"] for each in document["steps"] if each["source"] == "agent"]
    assert answers == [
        "",
        "I fix",
        "Fixed with a helper.",
        "I will fix it.",
        "Fixed the bug in mathbox.py; the tests pass.",
    ]
    assert document["final_metrics"]["total_cost_usd"] == pytest.approx(0.4383 + 0.0522)
    assert "SUBTASK-77" not in str(document)
    transcript = CONVERSATIONS / "transcript-pi-fix.jsonl"
    metered = checked(unpacked(conversation_file(cell, played, [], transcript=transcript) or b""))
    assert metered["extra"]["source"] == "gateway"
    assert conversation_file(cell, [], []) is None


def nested(depth: int, key: str) -> Any:
    value: Any = "end"
    for _ in range(depth):
        value = [{"type": "tool_result", key: value}]
    return value


@pytest.mark.parametrize("kind", ["messages", "responses", "chat", "generate"])
def test_values_nested_too_deep_are_marked(kind: str) -> None:
    for key in ("content", "input", "other"):
        deep = nested(300, key)
        request = {
            name: [{"role": "user", "content": deep, "parts": deep}]
            for name in ("messages", "input", "contents")
        }
        call = {
            "n": 0,
            "kind": kind,
            "request": request,
            "status": 200,
            "response": {"content": deep, "stop_reason": deep},
        }
        assert packed(checked(conversation_of("p", [], [call])), ["secret"])


def test_a_candidate_that_left_nothing_has_its_prompt(tmp_path: Path) -> None:
    for program in (
        "claude",
        "codex",
        "opencode",
        "aider",
        "mini-swe-agent",
        "pi",
        "gemini",
        "qwen",
        "copilot",
        "acp",
        "other",
    ):
        document = checked(conversation_of(program, [Round(tmp_path / "none", tmp_path / "none", "Fix it.")]))
        assert [each["message"] for each in document["steps"]] == ["Fix it."]


KEYS = [
    "type",
    "message",
    "content",
    "text",
    "role",
    "part",
    "item",
    "id",
    "delta",
    "event",
    "usage",
    "tool_calls",
    "function",
    "arguments",
    "payload",
    "data",
    "update",
    "sessionUpdate",
    "toolRequests",
    "toolCallId",
    "info",
    "state",
    "messageID",
    "callID",
    "tool_name",
    "output",
    "result",
    "error",
    "response",
    "request",
    "messages",
    "input",
    "parts",
    "call_id",
    "tool_use_id",
]
KINDS = [
    "assistant",
    "assistant.message",
    "assistant.message_delta",
    "update",
    "tool_call",
    "user",
    "system",
    "result",
    "stream_event",
    "item.started",
    "item.completed",
    "turn.completed",
    "text",
    "tool_use",
    "step_start",
    "step_finish",
    "error",
    "message",
    "message_end",
    "message_update",
    "tool_result",
    "response_item",
    "event_msg",
    "session_meta",
    "reasoning",
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4) | st.sampled_from(KINDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=15,
)
EVENTS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4)), max_size=5
)


@pytest.mark.parametrize(
    "program",
    ["claude", "codex", "opencode", "aider", "mini-swe-agent", "pi", "gemini", "qwen", "copilot", "acp"],
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(events=EVENTS)
def test_any_output_becomes_a_valid_trajectory(
    program: str, events: list[tuple[str, dict[str, Any]]], tmp_path: Path
) -> None:
    lines = [json.dumps({**fields, "type": kind}) for kind, fields in events]
    stdout = tmp_path / "stdout"
    stdout.write_text("\n".join([*lines, "{ no json", "plain"]))
    records = tmp_path / "codex" / "sessions" / "a" / "b" / "c"
    records.mkdir(parents=True, exist_ok=True)
    if program == "codex":
        (records / "rollout-1.jsonl").write_text("\n".join(lines))
    (tmp_path / "trajectory.json").write_text(json.dumps({"messages": [each for _, each in events]}))
    for out in (tmp_path, tmp_path / "none"):
        checked(conversation_of(program, [Round(stdout, out)]))


@settings(max_examples=60)
@given(
    kind=st.sampled_from(["messages", "responses", "chat", "generate"]),
    calls=st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=4),
)
def test_any_transcript_becomes_a_valid_trajectory(kind: str, calls: list[tuple[Any, Any, Any]]) -> None:
    name = {"messages": "messages", "responses": "input", "chat": "messages", "generate": "contents"}[kind]
    entries = [
        {"n": n, "kind": kind, "request": {name: history, "system": system}, "response": {"content": answer}}
        | {"status": 200, "usage": answer, "micro_usd": answer, "at": answer}
        for n, (history, system, answer) in enumerate(calls)
    ]
    checked(conversation_of("p", [], entries))
