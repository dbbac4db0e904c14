"""Texts and commands of the model in each program's stream, by the keys of its format alone."""

import json
from collections.abc import Iterator
from pathlib import Path

from tests.unit.workers.conversation.helpers import Json, strings


def of_claude(event: Json) -> Iterator[str]:
    match event.get("type"):
        case "result":
            yield event.get("result") or event.get("error", {}).get("message", "")
        case "assistant":
            yield from blocks(event["message"]["content"])


def of_codex(event: Json) -> Iterator[str]:
    if event.get("type") in ("item.started", "item.completed"):
        yield from (event["item"][key] for key in ("text", "command") if event["item"].get(key))


def of_opencode(event: Json) -> Iterator[str]:
    match event.get("type"):
        case "text":
            yield event["part"]["text"]
        case "tool_use":
            yield from strings(event["part"]["state"]["input"])


def of_pi(event: Json) -> Iterator[str]:
    if event.get("type") == "message_end" and event["message"]["role"] == "assistant":
        yield from blocks(event["message"]["content"])
        yield event["message"].get("errorMessage", "")


def of_gemini(event: Json) -> Iterator[str]:
    match event.get("type"):
        case "message":
            yield event["content"]
        case "tool_use":
            yield from strings(event["parameters"])


def of_copilot(event: Json) -> Iterator[str]:
    data = event.get("data", {})
    match event.get("type"):
        case "assistant.message" | "assistant.message_delta":
            yield data.get("content") or data.get("deltaContent", "")
            yield from strings([each["arguments"] for each in data.get("toolRequests", [])])
        case "session.error" | "tool.execution_complete":
            yield data.get("message", "")
            yield data.get("result", {}).get("content", "")


def of_acp(event: Json) -> Iterator[str]:
    match event.get("type"):
        case "update":
            yield event["update"].get("content", {}).get("text", "")
            yield event["update"].get("title", "")
        case "error":
            yield event["message"]


WORDS = {
    "claude": of_claude,
    "qwen": of_claude,
    "codex": of_codex,
    "opencode": of_opencode,
    "pi": of_pi,
    "gemini": of_gemini,
    "copilot": of_copilot,
    "acp": of_acp,
}


def model_words(program: str, path: Path) -> Iterator[str]:
    """Texts and commands of the model in a stream, by the keys of its format."""
    for line in path.read_text().splitlines():
        yield from WORDS[program](json.loads(line))


def blocks(content: list[Json]) -> Iterator[str]:
    for block in content:
        yield block.get("text", "")
        yield from strings(block.get("input", block.get("arguments", {})))
