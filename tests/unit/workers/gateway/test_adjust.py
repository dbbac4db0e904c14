"""What the gateway changes in a request: the output limit, usage in streams, hosted tools and dear tiers."""

from typing import Any

import pytest

from workers.gateway.adjust import least_output, with_limit, without_extras
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
    "tool",
    [
        {"type": "web_search_20250305", "name": "web_search"},
        {"type": "web_search"},
        {"type": "code_interpreter", "container": {}},
        {"googleSearch": {}},
        {"type": "mcp", "server_url": "https://example.org"},
    ],
)
def test_hosted_tools_are_taken_out(tool: dict[str, Any]) -> None:
    own = {"type": "function", "function": {"name": "web_search_of_mine"}}
    body, dropped = without_extras({"tools": [tool, own]})
    assert (body["tools"], dropped) == ([own], ["hosted tools"])
    assert without_extras({"tools": [tool]})[0] == {}


def test_programs_own_tools_stay() -> None:
    tools = [
        {"name": "WebFetch", "input_schema": {}},
        {"type": "custom", "name": "apply_patch"},
        {"functionDeclarations": [{"name": "google_search_of_mine"}]},
        {"type": "local_shell"},
    ]
    assert without_extras({"tools": tools}) == ({"tools": tools}, [])


def test_dear_tiers_are_taken_out() -> None:
    assert without_extras({"service_tier": "priority", "speed": "fast"})[0] == {}
    assert without_extras({"service_tier": "auto"})[0] == {"service_tier": "auto"}
