"""Streams of the four dialects as one response: whole ones, those that broke off, and any other text."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.gateway.assemble import assemble, is_whole
from workers.gateway.transcript import read

DATA = Path(__file__).parents[3] / "data" / "conversations"
KINDS = ("messages", "responses", "chat", "generate")


def stream(*events: Any) -> str:
    return "".join(f"data: {each if isinstance(each, str) else json.dumps(each)}\n\n" for each in events)


def chat_delta(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


CHAT = (
    chat_delta(role="assistant", content=""),
    chat_delta(reasoning_content="Hm"),
    chat_delta(reasoning_content="m."),
    chat_delta(content="I "),
    chat_delta(content="fix"),
    chat_delta(tool_calls=[{"index": 0, "id": "call_1", "type": "function", "function": {"name": "sh"}}]),
    chat_delta(tool_calls=[{"index": 0, "function": {"arguments": '{"cmd": '}}]),
    chat_delta(tool_calls=[{"index": 1, "id": "call_2", "function": {"name": "ls", "arguments": "{}"}}]),
    chat_delta(tool_calls=[{"index": 0, "function": {"arguments": '"ls"}'}}]),
    chat_delta("tool_calls"),
    {"id": "c1", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}},
    "[DONE]",
)


def test_chat_chunks_become_one_message_with_its_calls_and_usage() -> None:
    response = assemble("chat", stream(*CHAT))
    message = response["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("I fix", "Hmm.")
    assert [each["function"] for each in message["tool_calls"]] == [
        {"name": "sh", "arguments": '{"cmd": "ls"}'},
        {"name": "ls", "arguments": "{}"},
    ]
    assert [each["id"] for each in message["tool_calls"]] == ["call_1", "call_2"]
    assert response["usage"] == {"prompt_tokens": 3, "completion_tokens": 4}
    assert is_whole("chat", response)


def test_anthropic_blocks_become_text_thinking_and_input() -> None:
    response = assemble(
        "messages",
        stream(
            {"type": "message_start", "message": {"id": "m", "content": [], "usage": {"input_tokens": 5}}},
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "thinking", "thinking": ""},
            },
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "thinking_delta", "thinking": "Hm"},
            },
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "signature_delta", "signature": "s"},
            },
            {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "input": {}}},
            {"type": "content_block_delta", "index": 1, "delta": {"partial_json": '{"a": '}},
            {"type": "ping"},
            {"type": "content_block_delta", "index": 1, "delta": {"partial_json": "1}"}},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}},
            {"type": "message_stop"},
        ),
    )
    assert response["content"] == [
        {"type": "thinking", "thinking": "Hm", "signature": "s"},
        {"type": "tool_use", "input": {"a": 1}},
    ]
    assert response["usage"] == {"input_tokens": 5, "output_tokens": 7}
    assert is_whole("messages", response)


def test_responses_that_broke_off_keep_what_their_deltas_had() -> None:
    events = [
        {"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "content": []}},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "I "},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "fix"},
        {"type": "response.output_item.added", "output_index": 1, "item": {"type": "function_call"}},
        {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": '{"a"'},
    ]
    cut = assemble("responses", stream(*events))
    assert cut["output"][0]["content"] == [{"type": "output_text", "text": "I fix"}]
    assert cut["output"][1]["arguments"] == '{"a"'
    assert not is_whole("responses", cut)
    done = {
        "type": "response.completed",
        "response": {"id": "r", "status": "completed", "output": [{"id": 1}]},
    }
    whole = assemble("responses", stream(*events, done))
    assert (whole["output"], is_whole("responses", whole)) == ([{"id": 1}], True)


def test_gemini_parts_are_joined_and_thoughts_kept_apart() -> None:
    def chunk(*parts: dict[str, Any], **rest: Any) -> dict[str, Any]:
        return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, **rest}]}

    response = assemble(
        "generate",
        stream(
            chunk({"text": "Hm", "thought": True}),
            chunk({"text": "I "}),
            chunk({"text": "fix"}, {"functionCall": {"name": "sh", "args": {}}}),
            {**chunk({"text": ""}, finishReason="STOP"), "usageMetadata": {"totalTokenCount": 9}},
        ),
    )
    assert response["candidates"][0]["content"]["parts"] == [
        {"text": "Hm", "thought": True},
        {"text": "I fix"},
        {"functionCall": {"name": "sh", "args": {}}},
        {"text": ""},
    ]
    assert response["usageMetadata"] == {"totalTokenCount": 9}
    assert is_whole("generate", response)


def test_an_error_inside_a_stream_is_kept() -> None:
    error = {"type": "overloaded_error", "message": "Overloaded"}
    assert assemble("messages", stream({"type": "error", "error": error}))["error"] == error
    assert assemble("responses", stream({"type": "error", "message": "busy"}))["error"] == "busy"
    assert assemble("chat", stream({"error": error}))["error"] == error
    assert assemble("generate", stream({"error": error}))["error"] == error


RECORDED = [
    (entry["kind"], entry["events"])
    for path in sorted(DATA.glob("transcript-*.jsonl"))
    for entry in read(path)
    if entry.get("events") and not entry["is_cut"]
]


def words(kind: str, events: str) -> str:
    """The text of a response, whatever else is in it."""
    response = assemble(kind, events)
    lists = {
        "messages": [response.get("content", [])],
        "responses": [item.get("content", []) for item in response.get("output", [])],
        "chat": [[{"text": each["message"]["content"] or ""}] for each in response.get("choices", [])],
        "generate": [each["content"]["parts"] for each in response.get("candidates", [])],
    }
    return "".join(part.get("text", "") for parts in lists[kind] for part in parts)


def test_recordings_have_streams_of_every_dialect() -> None:
    assert {kind for kind, _ in RECORDED} == set(KINDS)
    assert len(RECORDED) > 15


@pytest.mark.parametrize(("kind", "events"), RECORDED)
def test_a_recorded_stream_that_is_cut_anywhere_gives_the_start_of_its_text(kind: str, events: str) -> None:
    text = words(kind, events)
    assert is_whole(kind, assemble(kind, events))
    for end in range(0, len(events), 97):
        assert text.startswith(words(kind, events[:end]))
    assert not is_whole(kind, assemble(kind, events[: len(events) // 3]))


KEYS = [
    "type",
    "index",
    "delta",
    "content",
    "message",
    "choices",
    "item",
    "output_index",
    "candidates",
    "parts",
    "text",
    "tool_calls",
    "function",
    "arguments",
    "name",
    "response",
    "output",
    "content_block",
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
TYPES = st.sampled_from(
    [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "message_delta",
        "error",
        "response.created",
        "response.output_item.added",
        "response.output_text.delta",
        "response.function_call_arguments.delta",
    ]
)


@settings(max_examples=60)
@given(st.sampled_from(KINDS), st.lists(st.tuples(TYPES, VALUES), max_size=6))
def test_any_events_give_a_response(kind: str, events: list[tuple[str, Any]]) -> None:
    objects = [
        {"type": name, **(value if isinstance(value, dict) else {"delta": value})} for name, value in events
    ]
    assert isinstance(is_whole(kind, assemble(kind, stream(*objects))), bool)
    assert isinstance(assemble(kind, "".join(map(str, objects))), dict)
