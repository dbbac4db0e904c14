"""Adjustments of a model request: an allow-list of its keys and tools, its output limit, and usage in streams. Pure."""

import re
from typing import Any, Final

from workers.gateway.allowed import ALLOWED
from workers.gateway.calls import ModelCall, limit_options
from workers.gateway.routes import Kind

Json = dict[str, Any]
_REFUSED: Final = ("previous_response_id", "conversation", "prompt", "cachedContent", "container")
"""A request with one of these means another conversation than the one that it shows."""
_SNAKE: Final = {
    "system_instruction": "systemInstruction",
    "tool_config": "toolConfig",
    "generation_config": "generationConfig",
    "safety_settings": "safetySettings",
    "cached_content": "cachedContent",
    "max_output_tokens": "maxOutputTokens",
    "candidate_count": "candidateCount",
    "response_modalities": "responseModalities",
    "speech_config": "speechConfig",
    "image_config": "imageConfig",
}
_NOT_TEXT: Final = ("responseModalities", "speechConfig", "imageConfig")
_OWN_TOOLS: Final = (
    "function",
    "custom",
    "local_shell",
    "shell",
    "apply_patch",
    "namespace",
    "additional_tools",
)
_OWN_ANTHROPIC_TOOLS: Final = re.compile(r"custom$|(bash|text_editor|computer|memory|tool_search_tool)_")
_DEAR_TIERS: Final = ("priority", "scale", "fast")
_OTHER_OUTPUT: Final = re.compile(
    r"audio|realtime|-image|-tts|-live|transcribe|whisper|dall-e|sora|veo-|imagen"
)
"""Models that are charged by more than tokens of text."""
LEAST_THINKING: Final = 1_024
"""Anthropic's smallest thinking budget."""


def is_text_model(model: str) -> bool:
    """Whether a model is charged by tokens of text alone, as far as its name shows."""
    return _OTHER_OUTPUT.search(model.lower()) is None


def admitted(kind: Kind, body: Json) -> tuple[Json, list[str]]:
    """The request with nothing but what the hold covers, and the names of what was taken out.

    Raises: `ValueError` for a request that refers to a conversation, prompt or file at the provider.
    """
    if kind == "generate":
        body = _camel(body)
    for name in _REFUSED:
        if body.get(name) is not None:
            raise ValueError(f"{name} is not supported: it refers to what lies at the provider")
    if body.get("background"):
        raise ValueError("background is not supported: its usage is not seen")
    kept = {key: value for key, value in body.items() if key in ALLOWED[kind]}
    dropped = sorted(body.keys() - kept.keys() - {"background"} - set(_REFUSED))
    if kept.get("service_tier") in _DEAR_TIERS:
        dropped.append(f"service_tier {kept.pop('service_tier')}")
    if kind == "responses":
        kept["store"] = False
        kept["input"], inner = _items(kept.get("input"))
        dropped += inner
    if "tools" in kept:
        tools, hosted = _tools(kind, kept["tools"])
        dropped += hosted
        kept = {**kept, "tools": tools} if tools else {k: v for k, v in kept.items() if k != "tools"}
    return kept, dropped


def _camel(body: Json) -> Json:
    """Gemini's request with the one spelling of each key that is read here."""
    renamed = _renamed(body)
    options = renamed.get("generationConfig")
    if isinstance(options, dict):
        options = {key: value for key, value in _renamed(options).items() if key not in _NOT_TEXT}
        renamed["generationConfig"] = options
    return renamed


def _renamed(given: Json) -> Json:
    made: Json = {}
    for key, value in given.items():
        name = _SNAKE.get(key, key)
        if name in made:
            raise ValueError(f"{name} is given twice")
        made[name] = value
    return made


def _items(items: Any) -> tuple[Any, list[str]]:
    """The input of a Responses call, with the tools that it brings filtered."""
    if not isinstance(items, list):
        return items, []
    kept, dropped = [], []
    for item in items:
        if isinstance(item, dict) and isinstance(item.get("tools"), list):
            tools, hosted = _tools("responses", item["tools"])
            dropped += hosted
            item = {**item, "tools": tools}
        kept.append(item)
    return kept, dropped


def _tools(kind: Kind, tools: Any) -> tuple[list[Any], list[str]]:
    """The tools that the program runs itself; those that the provider runs and charges apart are taken out."""
    kept, dropped = [], []
    for tool in tools if isinstance(tools, list) else []:
        own = _own_tool(kind, tool)
        if own is not None:
            kept.append(own)
        if own != tool:
            dropped.append(f"hosted tool {_name_of(tool)}")
    return kept, dropped


def _own_tool(kind: Kind, tool: Any) -> Any:
    if not isinstance(tool, dict):
        return None
    if kind == "generate":
        own = {key: tool[key] for key in ("functionDeclarations", "function_declarations") if key in tool}
        return own or None
    type_ = tool.get("type")
    if kind == "messages":
        return tool if type_ is None or _OWN_ANTHROPIC_TOOLS.match(str(type_)) else None
    if type_ is not None and type_ not in _OWN_TOOLS:
        return None
    inner = tool.get("tools")
    return {**tool, "tools": _tools(kind, inner)[0]} if isinstance(inner, list) else tool


def _name_of(tool: Any) -> str:
    return str(tool.get("type") or next(iter(tool), "?"))[:60] if isinstance(tool, dict) else "?"


def with_limit(call: ModelCall, tokens: int) -> Json:
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


def _limit_thinking(body: Json, tokens: int) -> None:
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
