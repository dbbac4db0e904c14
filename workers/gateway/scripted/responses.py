"""Dialect of OpenAI's Responses API."""

import json
from collections.abc import Iterator
from typing import Any

from workers.gateway.scripted.messages import (
    Json,
    ScriptedCall,
    ScriptedReply,
    ToolDefinition,
    limit_of,
    mapping,
    objects,
    sse,
    texts_of,
)

_CREATED = 1_790_000_000
_REFUSAL = "I cannot help with that."


class OpenAIResponses:
    """`POST …/responses`."""

    name = "responses"
    has_cache_writes = True

    def read(self, body: Json) -> ScriptedCall:
        given = body.get("input")
        items = [{"role": "user", "content": given}] if isinstance(given, str) else objects(given)
        users = [item.get("content") for item in items if item.get("role") == "user"]
        return ScriptedCall(
            model=str(body.get("model")),
            is_stream=body.get("stream") is True,
            tools=tuple(_tools(objects(body.get("tools")), items)),
            turn=sum(str(item.get("type", "")).endswith("_call_output") for item in items),
            prompts=tuple(text for content in users for text in texts_of(content, ("input_text", "text"))),
            text=json.dumps([body.get("instructions"), items]),
            max_output=limit_of(body.get("max_output_tokens")),
        )

    def whole(self, reply: ScriptedReply) -> Json:
        is_cut = reply.stop == "length"
        return _head(reply) | {
            "status": "incomplete" if is_cut else "completed",
            "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
            "output": _output(reply),
            "usage": _usage(reply),
        }

    def stream(self, reply: ScriptedReply) -> tuple[list[str], list[str]]:
        events = _Events()
        events.add("response.created", response=_started(reply))
        events.add("response.in_progress", response=_started(reply))
        middle = len(events.written)
        for index, item in enumerate(_output(reply)):
            if item["type"] == "message":
                middle = events.message(index, item, reply)
            else:
                events.tool(index, item)
            events.add("response.output_item.done", output_index=index, item=item)
        whole = self.whole(reply)
        events.add(f"response.{whole['status']}", response=whole)
        return events.written[:middle], events.written[middle:]

    def error_event(self) -> str:
        error = {"code": "server_error", "message": "The model is overloaded"}
        failed = {"id": "resp_lab", "object": "response", "status": "failed", "output": [], "error": error}
        return sse({"type": "response.failed", "sequence_number": 99, "response": failed}, "response.failed")


class _Events:
    """Server-sent events with running sequence numbers."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def add(self, kind: str, **fields: Any) -> None:
        self.written.append(sse({"type": kind, "sequence_number": len(self.written), **fields}, kind))

    def message(self, index: int, item: Json, reply: ScriptedReply) -> int:
        """Add the events of a message; returns the number of events up to the middle of its text."""
        at = {"item_id": item["id"], "output_index": index, "content_index": 0}
        part = item["content"][0]
        is_refusal = part["type"] == "refusal"
        field = "refusal" if is_refusal else "text"
        kind = "response.refusal" if is_refusal else "response.output_text"
        halves = ("", part["refusal"]) if is_refusal else reply.halves
        self.add(
            "response.output_item.added",
            output_index=index,
            item=item | {"status": "in_progress", "content": []},
        )
        self.add("response.content_part.added", **at, part=part | {field: ""})
        self.add(f"{kind}.delta", **at, delta=halves[0])
        middle = len(self.written)
        self.add(f"{kind}.delta", **at, delta=halves[1])
        self.add(f"{kind}.done", **at, **{field: part[field]})
        self.add("response.content_part.done", **at, part=part)
        return middle

    def tool(self, index: int, item: Json) -> None:
        """Add the events of a tool call but the last."""
        if item["type"] != "function_call":
            self.add("response.output_item.added", output_index=index, item=item)
            return
        at = {"item_id": item["id"], "output_index": index}
        started = item | {"status": "in_progress", "arguments": ""}
        self.add("response.output_item.added", output_index=index, item=started)
        self.add("response.function_call_arguments.delta", **at, delta=item["arguments"])
        self.add("response.function_call_arguments.done", **at, arguments=item["arguments"])


def _tools(listed: list[Json], items: list[Json]) -> Iterator[ToolDefinition]:
    """The tools of a request; those of a namespace, one by one."""
    # In its code mode codex offers no shell, but a tool that runs JavaScript.
    if any(item.get("type") == "additional_tools" for item in items):
        yield ToolDefinition("exec", form="custom", namespace="functions")
    for tool in listed:
        match tool.get("type"):
            case "namespace":
                for each in objects(tool.get("tools")):
                    schema = mapping(each.get("parameters"))
                    yield ToolDefinition(str(each.get("name")), schema, namespace=str(tool.get("name")))
            case "local_shell":
                yield ToolDefinition("local_shell", form="local_shell")
            case "function" | "custom" as form:
                yield ToolDefinition(str(tool.get("name")), mapping(tool.get("parameters")), form)


def _head(reply: ScriptedReply) -> Json:
    return {
        "id": f"resp_{reply.serial:08d}",
        "object": "response",
        "created_at": _CREATED,
        "model": reply.model,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": 1,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1,
    }


def _started(reply: ScriptedReply) -> Json:
    return _head(reply) | {"status": "in_progress", "output": [], "usage": None}


def _usage(reply: ScriptedReply) -> Json | None:
    if not reply.states_usage:
        return None
    tokens = reply.tokens
    return {
        "input_tokens": tokens.total_in,
        "input_tokens_details": {
            "cached_tokens": tokens.cached,
            "cache_write_tokens": tokens.cache_write,
        },
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": reply.reasoning},
        "total_tokens": tokens.total_in + tokens.output,
    }


def _output(reply: ScriptedReply) -> list[Json]:
    output = []
    if reply.stop == "refusal":
        output.append(_message(reply, {"type": "refusal", "refusal": _REFUSAL}))
    elif reply.text or reply.tool is None:
        output.append(_message(reply, {"type": "output_text", "text": reply.text, "annotations": []}))
    if reply.tool is not None:
        output.append(_tool_item(reply))
    return output


def _message(reply: ScriptedReply, part: Json) -> Json:
    identity = f"msg_{reply.serial}"
    return {
        "type": "message",
        "id": identity,
        "status": "completed",
        "role": "assistant",
        "content": [part],
    }


def _tool_item(reply: ScriptedReply) -> Json:
    tool = reply.tool
    if tool is None:
        raise ValueError("the reply calls no tool")
    item: Json = {"call_id": f"call_{reply.serial}", "status": "completed"}
    if tool.form == "local_shell":
        action = {"type": "exec", "command": ["bash", "-lc", tool.arguments["command"]], "env": {}}
        return item | {"type": "local_shell_call", "id": f"lsh_{reply.serial}", "action": action}
    item["name"] = tool.name
    if tool.namespace is not None:
        item["namespace"] = tool.namespace
    if tool.form == "custom":
        return item | {
            "type": "custom_tool_call",
            "id": f"ctc_{reply.serial}",
            "input": tool.arguments["input"],
        }
    return item | {
        "type": "function_call",
        "id": f"fc_{reply.serial}",
        "arguments": tool.arguments_text,
    }
