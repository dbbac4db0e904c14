"""What the gateway changes in a request: the output limit, usage in streams, hosted tools and dear tiers."""

from typing import Any

import pytest

from workers.gateway.adjust import admitted, is_text_model, least_output, with_limit
from workers.gateway.calls import ModelCall, parse_call
from workers.gateway.routes import route


def call(path: str, **body: Any) -> ModelCall:
    return parse_call(route("POST", path), {"model": "m", **body}, path_is_stream=False)


def test_a_stream_of_chat_completions_reports_its_usage() -> None:
    made = call("/openai/v1/chat/completions", stream=True, stream_options={"x": 1})
    body = with_limit(made, 500)
    assert body["stream_options"] == {"x": 1, "include_usage": True}
    assert body["max_completion_tokens"] == 500
    assert "max_tokens" not in body


def test_other_providers_get_the_older_name_of_the_limit() -> None:
    assert with_limit(call("/groq/v1/chat/completions"), 500)["max_tokens"] == 500


def test_a_thinking_budget_stays_below_the_limit() -> None:
    thinking = {"type": "enabled", "budget_tokens": 31_999}
    made = call("/anthropic/v1/messages", max_tokens=32_000, thinking=thinking)
    body = with_limit(made, 5_000)
    assert body["max_tokens"] == 5_000
    assert 1_024 <= body["thinking"]["budget_tokens"] < 5_000
    assert least_output(made) > 1_024
    assert made.body["thinking"] == thinking  # the call itself is not changed


@pytest.mark.parametrize(
    ("kind", "tool"),
    [
        ("messages", {"type": "web_search_20250305", "name": "web_search"}),
        ("messages", {"type": "code_execution_20250825", "name": "x"}),
        ("responses", {"type": "web_search"}),
        ("responses", {"type": "code_interpreter", "container": {}}),
        ("responses", {"type": "mcp", "server_url": "https://example.org"}),
        ("chat", {"type": "browser_search"}),
        ("generate", {"googleSearch": {}}),
        ("generate", {"urlContext": {}}),
    ],
)
def test_hosted_tools_are_taken_out(kind: Any, tool: dict[str, Any]) -> None:
    own: dict[str, Any] = (
        {"functionDeclarations": []} if kind == "generate" else {"name": "mine", "type": None}
    )
    body, dropped = admitted(kind, {"tools": [tool, own]})
    assert body["tools"] == [own]
    assert len(dropped) == 1
    assert "hosted tool" in dropped[0]
    assert "tools" not in admitted(kind, {"tools": [tool]})[0]


def test_a_hosted_tool_beside_functions_is_taken_out_alone() -> None:
    mixed = {"functionDeclarations": [{"name": "run"}], "googleSearch": {}}
    body, dropped = admitted("generate", {"tools": [mixed]})
    assert body["tools"] == [{"functionDeclarations": [{"name": "run"}]}]
    assert dropped


def test_tools_inside_tools_and_items_are_filtered_too() -> None:
    inner = [{"type": "function", "name": "spawn"}, {"type": "web_search"}]
    body, _ = admitted("responses", {"tools": [{"type": "namespace", "name": "agents", "tools": inner}]})
    assert body["tools"] == [{"type": "namespace", "name": "agents", "tools": inner[:1]}]
    item = {"type": "additional_tools", "tools": inner}
    body, dropped = admitted("responses", {"input": [item, {"role": "user", "content": "hi"}]})
    assert body["input"] == [{**item, "tools": inner[:1]}, {"role": "user", "content": "hi"}]
    assert dropped == ["hosted tool web_search"]


@pytest.mark.parametrize(
    ("kind", "tool"),
    [
        ("messages", {"name": "WebFetch", "input_schema": {}}),
        ("messages", {"type": "bash_20250124", "name": "bash"}),
        ("responses", {"type": "custom", "name": "apply_patch"}),
        ("responses", {"type": "local_shell"}),
        ("chat", {"type": "function", "function": {"name": "web_search_of_mine"}}),
        ("generate", {"functionDeclarations": [{"name": "google_search_of_mine"}]}),
    ],
)
def test_programs_own_tools_stay(kind: Any, tool: dict[str, Any]) -> None:
    body, dropped = admitted(kind, {"tools": [tool]})
    assert (body["tools"], dropped) == ([tool], [])


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("messages", "mcp_servers", []),
        ("messages", "inference_geo", "us"),
        ("messages", "speed", "fast"),
        ("chat", "models", ["dear/model"]),
        ("chat", "plugins", []),
        ("chat", "web_search_options", {}),
        ("chat", "modalities", ["audio"]),
        ("chat", "audio", {}),
        ("chat", "prediction", {}),
        ("chat", "service_tier", "priority"),
        ("responses", "some_later_key", 1),
    ],
)
def test_keys_that_may_cost_more_are_taken_out_and_named(kind: Any, key: str, value: Any) -> None:
    body, dropped = admitted(kind, {"model": "m", key: value})
    assert key not in body
    assert [name for name in dropped if key in name]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("responses", {"previous_response_id": "resp_1"}),
        ("responses", {"conversation": "conv_1"}),
        ("responses", {"prompt": {"id": "pmpt_1"}}),
        ("responses", {"background": True}),
        ("messages", {"container": "c1"}),
        ("generate", {"cachedContent": "cachedContents/1"}),
        ("generate", {"cached_content": "cachedContents/1"}),
        ("generate", {"generationConfig": {"maxOutputTokens": 1, "max_output_tokens": 60_000}}),
        ("generate", {"generationConfig": {}, "generation_config": {"candidate_count": 8}}),
    ],
)
def test_what_the_request_does_not_show_is_refused(kind: Any, body: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not supported|given twice"):
        admitted(kind, body)


def test_no_answer_is_stored_at_the_provider() -> None:
    assert admitted("responses", {"store": True})[0]["store"] is False


def test_gemini_answers_in_text_and_in_one_spelling() -> None:
    config = {"max_output_tokens": 5, "responseModalities": ["IMAGE"], "candidate_count": 2}
    body, _ = admitted("generate", {"generation_config": config, "contents": []})
    assert body["generationConfig"] == {"maxOutputTokens": 5, "candidateCount": 2}


@pytest.mark.parametrize(
    "model", ["gpt-audio", "gemini-2.5-flash-image", "gpt-4o-realtime-preview", "imagen-4"]
)
def test_models_that_are_not_charged_by_text_are_known(model: str) -> None:
    assert not is_text_model(model)
    assert is_text_model("claude-sonnet-4-5")
    assert is_text_model("gpt-5.2-codex")
