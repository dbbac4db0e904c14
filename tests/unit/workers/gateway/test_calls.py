"""The bound of a call's input tokens: by its bytes, and by what was counted for earlier calls."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.gateway.calls import HIDDEN_TOKENS, Counted, ModelCall, most_input_tokens, parse_call
from workers.gateway.content import IMAGE_TOKENS, UNBOUNDED
from workers.gateway.routes import route

MESSAGES = route("POST", "/anthropic/v1/messages")
texts = st.lists(st.text(max_size=60), min_size=1, max_size=8)


def call_of(*contents: Any, **more: Any) -> ModelCall:
    messages = [{"role": "user", "content": content} for content in contents]
    body = {"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": messages, **more}
    return parse_call(MESSAGES, body, path_is_stream=False)


@given(texts)
def test_the_bound_is_at_least_a_token_for_each_byte_of_text(contents: list[str]) -> None:
    assert most_input_tokens(call_of(*contents)) >= sum(len(text.encode()) for text in contents)


@given(texts, texts, st.integers(1, 5_000))
def test_a_longer_conversation_adds_its_new_bytes_to_what_was_counted(
    first: list[str], more: list[str], counted: int
) -> None:
    earlier, later = call_of(*first), call_of(*first, *more)
    known = Counted(earlier.parts, min(counted, most_input_tokens(earlier)))
    bound = most_input_tokens(later, [known])
    assert bound <= most_input_tokens(later)
    assert bound <= known.tokens + sum(len(json.dumps(text)) * 4 + 60 for text in more) + HIDDEN_TOKENS
    assert bound >= min(known.tokens, most_input_tokens(later))


def test_a_provider_that_counts_more_than_bytes_raises_the_bound_of_every_later_call() -> None:
    first = call_of("short")
    known = Counted(first.parts, 100_000)
    assert most_input_tokens(call_of("another"), [known]) >= 90_000
    assert most_input_tokens(call_of("short", "x"), [known]) >= 100_000


def test_a_moved_cache_marker_changes_no_part() -> None:
    marked = {"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}}
    plain = {"type": "text", "text": "hello"}
    assert call_of([marked]).parts == call_of([plain]).parts


def test_an_image_counts_as_an_image_not_by_its_bytes() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "A" * 400_000}
    bound = most_input_tokens(call_of([{"type": "image", "source": source}]))
    assert IMAGE_TOKENS <= bound < 4 * IMAGE_TOKENS


@pytest.mark.parametrize("body", [None, [], {}, {"model": 3}, {"model": ""}])
def test_what_is_no_call_is_refused_by_one_line(body: object) -> None:
    with pytest.raises(ValueError, match="request"):
        parse_call(MESSAGES, body, path_is_stream=False)


def test_the_limit_is_read_where_each_dialect_has_it() -> None:
    chat = route("POST", "/openai/v1/chat/completions")
    gemini = route("POST", "/gemini/v1beta/models/gemini-2.5-pro:streamGenerateContent")
    assert (
        parse_call(chat, {"model": "m", "max_completion_tokens": 7}, path_is_stream=False).output_limit == 7
    )
    made = parse_call(gemini, {"generationConfig": {"maxOutputTokens": 9}}, path_is_stream=True)
    assert (made.output_limit, made.model, made.is_stream) == (9, "gemini-2.5-pro", True)
    assert parse_call(chat, {"model": "m", "n": 3}, path_is_stream=False).answers == 3


@pytest.mark.parametrize("count", [-100_000, 0, "8", 8.0, True, 1_000])
def test_a_count_that_a_provider_may_read_otherwise_is_refused(count: object) -> None:
    chat = route("POST", "/openai/v1/chat/completions")
    gemini = route("POST", "/gemini/v1beta/models/gemini-2.5-pro:generateContent")
    with pytest.raises(ValueError, match="whole number from 1"):
        parse_call(chat, {"model": "m", "n": count}, path_is_stream=False)
    with pytest.raises(ValueError, match="whole number from 1"):
        parse_call(gemini, {"generationConfig": {"candidateCount": count}}, path_is_stream=False)
    if count != 1_000:
        with pytest.raises(ValueError, match="whole number from 1"):
            parse_call(MESSAGES, {"model": "m", "max_tokens": count}, path_is_stream=False)


HIDDEN_TEXT = "A" * 900_000


@pytest.mark.parametrize(
    "arguments",
    [
        {"cache_control": {"a": HIDDEN_TEXT}},
        {"cache_control": {"type": "ephemeral", "x": HIDDEN_TEXT}},
        {"type": "image", "data": HIDDEN_TEXT},
        {"content": [{"type": "image", "source": {"data": HIDDEN_TEXT}}]},
    ],
)
def test_no_text_is_hidden_in_what_looks_like_a_marker_or_an_image(arguments: dict[str, Any]) -> None:
    use = {"type": "tool_use", "id": "t", "name": "Bash", "input": arguments}
    assert most_input_tokens(call_of([use])) > 900_000


@pytest.mark.parametrize(
    "block",
    [
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AA=="}},
        {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}},
        {"type": "input_file", "file_id": "f"},
        {"type": "input_audio", "input_audio": {"data": "AA=="}},
        {
            "type": "tool_result",
            "content": [{"type": "document", "source": {"type": "file", "file_id": "f"}}],
        },
    ],
)
def test_media_are_not_bounded_by_their_bytes(block: dict[str, Any]) -> None:
    call = call_of([block])
    assert call.has_media
    assert most_input_tokens(call) >= UNBOUNDED
    # Once the provider has counted it, it is.
    assert most_input_tokens(call, [Counted(call.parts, 5_000)]) < 7_000


def test_a_part_that_was_counted_elsewhere_in_a_request_is_not_known() -> None:
    text = "x" * 50_000
    earlier = parse_call(
        MESSAGES, {"model": "m", "system": [{"type": "text", "text": text}]}, path_is_stream=False
    )
    later = parse_call(
        MESSAGES, {"model": "m", "messages": [{"type": "text", "text": text}]}, path_is_stream=False
    )
    assert most_input_tokens(later, [Counted(earlier.parts, 10)]) > 50_000


def test_edited_conversations_bound_no_later_call() -> None:
    keep = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
    assert call_of("x", context_management=keep).is_countable
    assert not call_of("x", context_management={"edits": [{"type": "clear_tool_uses_20250919"}]}).is_countable
    assert not call_of("x", truncation="auto").is_countable
