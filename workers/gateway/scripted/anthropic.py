"""Dialect of Anthropic's Messages API."""

import json

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

_STOPS = {"end": "end_turn", "tool": "tool_use", "length": "max_tokens", "refusal": "refusal"}


class AnthropicMessages:
    """`POST …/messages`."""

    name = "anthropic"
    has_cache_writes = True

    def read(self, body: Json) -> ScriptedCall:
        messages = objects(body.get("messages"))
        users = [message.get("content") for message in messages if message.get("role") == "user"]
        tools = [
            ToolDefinition(str(tool["name"]), mapping(tool.get("input_schema")))
            for tool in objects(body.get("tools"))
            if "name" in tool and "input_schema" in tool
        ]
        return ScriptedCall(
            model=str(body.get("model")),
            is_stream=body.get("stream") is True,
            tools=tuple(tools),
            turn=sum(_has_result(content) for content in users),
            prompts=tuple(text for content in users for text in texts_of(content, ("text",))),
            text=json.dumps([body.get("system"), messages]),
            max_output=limit_of(body.get("max_tokens")),
        )

    def whole(self, reply: ScriptedReply) -> Json:
        usage = _usage(reply)
        return _head(reply) | {
            "content": _blocks(reply),
            "stop_reason": _STOPS[reply.stop],
            "usage": usage,
        }

    def stream(self, reply: ScriptedReply) -> tuple[list[str], list[str]]:
        usage = _usage(reply)
        # The whole output is stated at the end only; the first event has a placeholder.
        start = _head(reply) | {"content": [], "stop_reason": None, "usage": usage | {"output_tokens": 1}}
        before = [_event("message_start", message=start), _event("ping")]
        after = []
        index = 0
        if reply.text:
            first, second = (_text_delta(half) for half in reply.halves)
            before += [
                _event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
                first,
            ]
            after += [second, _event("content_block_stop", index=0)]
            index = 1
        for block in _blocks(reply)[index:]:
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            after += [
                _event("content_block_start", index=index, content_block=block | {"input": {}}),
                _event("content_block_delta", index=index, delta=delta),
                _event("content_block_stop", index=index),
            ]
        end = {"stop_reason": _STOPS[reply.stop], "stop_sequence": None}
        after.append(_event("message_delta", delta=end, usage={"output_tokens": usage["output_tokens"]}))
        return before, [*after, _event("message_stop")]

    def error_event(self) -> str:
        return _event("error", error={"type": "overloaded_error", "message": "Overloaded"})


def _has_result(content: object) -> bool:
    return any(part.get("type") == "tool_result" for part in objects(content))


def _head(reply: ScriptedReply) -> Json:
    return {
        "id": f"msg_{reply.serial:08d}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "stop_sequence": None,
    }


def _usage(reply: ScriptedReply) -> Json:
    if not reply.states_usage:  # clients need the keys; a count of zero states nothing
        return {"input_tokens": 0, "output_tokens": 0}
    tokens = reply.tokens
    return {
        "input_tokens": tokens.input,
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": tokens.cache_write,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": tokens.output,
        "service_tier": "standard",
    }


def _blocks(reply: ScriptedReply) -> list[Json]:
    blocks: list[Json] = [{"type": "text", "text": reply.text}] if reply.text else []
    if reply.tool is not None:
        identity = f"toolu_{reply.serial:08d}"
        blocks.append(
            {"type": "tool_use", "id": identity, "name": reply.tool.name, "input": reply.tool.arguments}
        )
    return blocks


def _event(kind: str, **fields: object) -> str:
    return sse({"type": kind, **fields}, kind)


def _text_delta(text: str) -> str:
    return _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})
