"""Adjustments of a model request: its output limit, usage in streams, and what the farm does not pay for. Pure."""

from typing import Any, Final

from workers.gateway.calls import ModelCall, limit_options

_HOSTED: Final = (
    "web_search",
    "web_fetch",
    "file_search",
    "code_interpreter",
    "code_execution",
    "computer_use_preview",
    "image_generation",
    "google_search",
    "googleSearch",
    "googleSearchRetrieval",
    "codeExecution",
    "urlContext",
    "mcp",
)
"""Tools that the provider runs and charges apart: names, or starts of dated names."""
_DEAR_TIERS: Final = ("priority", "scale", "fast")
LEAST_THINKING: Final = 1_024
"""Anthropic's smallest thinking budget."""


def without_extras(body: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The body without hosted tools and dearer service tiers, and what was taken out."""
    dropped = []
    tools = body.get("tools")
    if isinstance(tools, list):
        kept = [tool for tool in tools if not _is_hosted(tool)]
        if len(kept) < len(tools):
            dropped.append("hosted tools")
            body = {**body, "tools": kept} if kept else {k: v for k, v in body.items() if k != "tools"}
    if body.get("service_tier") in _DEAR_TIERS:
        dropped.append(f"service tier {body['service_tier']}")
        body = {key: value for key, value in body.items() if key != "service_tier"}
    if body.get("speed") in _DEAR_TIERS:
        dropped.append(f"speed {body['speed']}")
        body = {key: value for key, value in body.items() if key != "speed"}
    return body, dropped


def _is_hosted(tool: object) -> bool:
    if not isinstance(tool, dict):
        return False
    kind = tool.get("type")
    if isinstance(kind, str):
        return kind.startswith(_HOSTED)
    # Gemini's hosted tools have no type: their name is the only key.
    return bool(tool) and all(key in _HOSTED for key in tool)


def with_limit(call: ModelCall, tokens: int) -> dict[str, Any]:
    """The body with this output limit, and with usage reported at the end of a stream."""
    body = dict(call.body)
    match call.kind:
        case "messages":
            body["max_tokens"] = tokens
            _limit_thinking(body, tokens)
        case "responses":
            body["max_output_tokens"] = tokens
        case "chat":
            name = "max_tokens" if "max_tokens" in body or call.route.provider.name != "openai" else None
            body[name or "max_completion_tokens"] = tokens
            if name and "max_completion_tokens" in body:
                body["max_completion_tokens"] = tokens
            if call.is_stream:
                options = body.get("stream_options")
                body["stream_options"] = {
                    **(options if isinstance(options, dict) else {}),
                    "include_usage": True,
                }
        case "generate":
            body["generationConfig"] = {**limit_options(body, call.kind), "maxOutputTokens": tokens}
    return body


def _limit_thinking(body: dict[str, Any], tokens: int) -> None:
    """Anthropic refuses a thinking budget that is not below the output limit."""
    thinking = body.get("thinking")
    budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    if isinstance(thinking, dict) and isinstance(budget, int) and budget >= tokens:
        body["thinking"] = {**thinking, "budget_tokens": max(LEAST_THINKING, tokens - LEAST_THINKING)}


def least_output(call: ModelCall) -> int:
    """The fewest output tokens with which the call makes sense, and the provider accepts it."""
    thinking = call.body.get("thinking")
    is_thinking = (
        call.kind == "messages" and isinstance(thinking, dict) and thinking.get("budget_tokens") is not None
    )
    least = 2 * LEAST_THINKING if is_thinking else 256
    return least if call.output_limit is None else min(least, call.output_limit)
