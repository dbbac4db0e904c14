"""Small clients of the four dialects: how each asks, and what each reads out of a response."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

Json = dict[str, Any]
SCHEMA = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}


@dataclass(frozen=True)
class Received:
    """A response, in terms that all dialects share."""

    status: int
    text: str = ""
    command: str | None = None
    stop: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    error: str = ""


@dataclass(frozen=True)
class Client:
    """One dialect: paths, bodies, and the reader of a response (a list of its JSON documents)."""

    name: str
    model: str
    path: Callable[[bool], str]
    body: Callable[[str, int | None, int], Json]
    """From a prompt, a limit of output tokens and the number of tool results so far."""
    read: Callable[[int, list[Json]], Received]
    stops: dict[str, str]

    def ask(
        self,
        url: str,
        key: str,
        *,
        stream: bool,
        limit: int | None = 1000,
        turn: int = 0,
        prompt: str = "Repair add.",
        headers: dict[str, str] | None = None,
    ) -> Received:
        """One call; raises what aiohttp raises where the answer breaks off."""
        body = self.body(prompt, limit, turn) | ({"stream": True} if stream and self.name != "gemini" else {})
        if stream and self.name == "chat":
            body["stream_options"] = {"include_usage": True}
        headers = {"authorization": f"Bearer {key}"} if headers is None else headers
        status, text = asyncio.run(_post(url + self.path(stream), body, headers))
        documents = _events(text) if stream and status == 200 else [json.loads(text)]
        return self.read(status, documents)


async def _post(url: str, body: Json, headers: dict[str, str]) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as response:
        return response.status, await response.text()


async def get(url: str, **headers: str) -> tuple[int, Json]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        return response.status, await response.json()


def _events(text: str) -> list[Json]:
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def _anthropic_body(prompt: str, limit: int | None, turn: int) -> Json:
    messages: list[Json] = [{"role": "user", "content": prompt}]
    for number in range(turn):
        use = {"type": "tool_use", "id": f"t{number}", "name": "Bash", "input": {}}
        result = {"type": "tool_result", "tool_use_id": f"t{number}", "content": "done"}
        messages += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    tools = [{"name": "Bash", "input_schema": SCHEMA}]
    return {"model": "claude-sonnet-4-5", "max_tokens": limit, "messages": messages, "tools": tools}


def _read_anthropic(status: int, documents: list[Json]) -> Received:
    if "error" in documents[-1]:
        return Received(status, error=documents[-1]["error"]["message"])
    if documents[0]["type"] == "message":
        message = documents[0]
        blocks = message["content"]
    else:
        message = documents[0]["message"]
        blocks = []
        pieces: dict[int, str] = {}
        for event in documents:
            if event["type"] == "content_block_start":
                blocks.append(event["content_block"])
            elif event["type"] == "content_block_delta":
                delta = event["delta"]
                piece = delta.get("text") or delta.get("partial_json") or ""
                pieces[event["index"]] = pieces.get(event["index"], "") + piece
            elif event["type"] == "message_delta":
                message |= {"stop_reason": event["delta"]["stop_reason"]}
                message["usage"] |= event["usage"]
        for index, block in enumerate(blocks):
            value = pieces.get(index, "")
            block |= {"text": value} if block["type"] == "text" else {"input": json.loads(value)}
    usage = message["usage"]
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return Received(
        status,
        "".join(block["text"] for block in blocks if block["type"] == "text"),
        next((block["input"]["command"] for block in blocks if block["type"] == "tool_use"), None),
        message["stop_reason"],
        sum(usage.get(name, 0) for name in names) or None,
        usage["output_tokens"] or None,
    )


def _responses_body(prompt: str, limit: int | None, turn: int) -> Json:
    items: list[Json] = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": prompt}]}
    ]
    for number in range(turn):
        items += [
            {"type": "function_call", "call_id": f"c{number}", "name": "exec_command", "arguments": "{}"},
            {"type": "function_call_output", "call_id": f"c{number}", "output": "done"},
        ]
    schema = {"type": "object", "properties": {"cmd": {"type": "string"}}, "required": ["cmd"]}
    tools = [{"type": "function", "name": "exec_command", "parameters": schema}]
    return {"model": "gpt-5.2-codex", "input": items, "tools": tools, "max_output_tokens": limit}


def _read_responses(status: int, documents: list[Json]) -> Received:
    last = documents[-1]
    response = last.get("response", last)
    if response.get("error"):
        return Received(status, error=response["error"]["message"])
    text, command = "", None
    for item in response["output"]:
        if item["type"] == "message":
            text = "".join(part.get("text", "") for part in item["content"])
        else:
            command = json.loads(item["arguments"])["cmd"]
    if len(documents) > 1:
        deltas = [each["delta"] for each in documents if each["type"] == "response.output_text.delta"]
        assert "".join(deltas) == text
    refused = any(
        part["type"] == "refusal" for item in response["output"] for part in item.get("content", [])
    )
    usage = response["usage"] or {}
    return Received(
        status,
        text,
        command,
        "refusal" if refused else response["status"],
        usage.get("input_tokens"),
        usage.get("output_tokens"),
    )


def _chat_body(prompt: str, limit: int | None, turn: int) -> Json:
    messages: list[Json] = [{"role": "user", "content": prompt}]
    for number in range(turn):
        call = {"id": f"c{number}", "type": "function", "function": {"name": "bash", "arguments": "{}"}}
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"c{number}", "content": "done"},
        ]
    tools = [{"type": "function", "function": {"name": "bash", "parameters": SCHEMA}}]
    return {"model": "gpt-5-mini", "messages": messages, "tools": tools, "max_completion_tokens": limit}


def _read_chat(status: int, documents: list[Json]) -> Received:
    if "error" in documents[-1]:
        return Received(status, error=documents[-1]["error"]["message"])
    text, command, stop, usage = "", None, None, None
    for document in documents:
        usage = document.get("usage") or usage
        for choice in document["choices"]:
            message = choice.get("message") or choice["delta"]
            text += message.get("content") or ""
            stop = choice["finish_reason"] or stop
            for call in message.get("tool_calls", []):
                command = json.loads(call["function"]["arguments"])["command"]
    usage = usage or {}
    return Received(status, text, command, stop, usage.get("prompt_tokens"), usage.get("completion_tokens"))


def _gemini_body(prompt: str, limit: int | None, turn: int) -> Json:
    contents: list[Json] = [{"role": "user", "parts": [{"text": prompt}]}]
    for _ in range(turn):
        call = {"functionCall": {"name": "run_shell_command", "args": {}}}
        result = {"functionResponse": {"name": "run_shell_command", "response": {"output": "done"}}}
        contents += [{"role": "model", "parts": [call]}, {"role": "user", "parts": [result]}]
    declared = [{"name": "run_shell_command", "parametersJsonSchema": SCHEMA}]
    tools = [{"functionDeclarations": declared}]
    return {"contents": contents, "tools": tools, "generationConfig": {"maxOutputTokens": limit}}


def _read_gemini(status: int, documents: list[Json]) -> Received:
    if "error" in documents[-1]:
        return Received(status, error=documents[-1]["error"]["message"])
    parts = [part for each in documents for part in each["candidates"][0]["content"]["parts"]]
    usage = documents[-1].get("usageMetadata", {})
    total, given = usage.get("totalTokenCount"), usage.get("promptTokenCount")
    return Received(
        status,
        "".join(part.get("text", "") for part in parts),
        next((part["functionCall"]["args"]["command"] for part in parts if "functionCall" in part), None),
        documents[-1]["candidates"][0].get("finishReason"),
        given,
        None if total is None else total - given,
    )


def _gemini_path(stream: bool) -> str:
    method = "streamGenerateContent" if stream else "generateContent"
    return f"/v1beta/models/gemini-2.5-pro:{method}"


CLIENTS = (
    Client(
        "anthropic",
        "claude-sonnet-4-5",
        lambda _: "/v1/messages",
        _anthropic_body,
        _read_anthropic,
        {"end": "end_turn", "tool": "tool_use", "length": "max_tokens", "refusal": "refusal"},
    ),
    Client(
        "responses",
        "gpt-5.2-codex",
        lambda _: "/v1/responses",
        _responses_body,
        _read_responses,
        {"end": "completed", "tool": "completed", "length": "incomplete", "refusal": "refusal"},
    ),
    Client(
        "chat",
        "gpt-5-mini",
        lambda _: "/v1/chat/completions",
        _chat_body,
        _read_chat,
        {"end": "stop", "tool": "tool_calls", "length": "length", "refusal": "content_filter"},
    ),
    Client(
        "gemini",
        "gemini-2.5-pro",
        _gemini_path,
        _gemini_body,
        _read_gemini,
        {"end": "STOP", "tool": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"},
    ),
)
