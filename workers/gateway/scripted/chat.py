"""Dialect of OpenAI's Chat Completions API, which many other providers have, too."""

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

_STOPS = {"end": "stop", "tool": "tool_calls", "length": "length", "refusal": "content_filter"}
_CREATED = 1_790_000_000
_REFUSAL = "I cannot help with that."


class ChatCompletions:
    """`POST …/chat/completions`."""

    name = "chat"
    has_cache_writes = False

    def read(self, body: Json) -> ScriptedCall:
        messages = objects(body.get("messages"))
        functions = [mapping(tool.get("function")) for tool in objects(body.get("tools"))]
        tools = [
            ToolDefinition(str(each["name"]), mapping(each.get("parameters")))
            for each in functions
            if "name" in each
        ]
        users = [message.get("content") for message in messages if message.get("role") == "user"]
        text = json.dumps(messages)
        # mini-swe-agent without tools sends each result as a message after an answer; what others have are examples.
        counted = "assistant" if not tools and "mswea_bash_command" in text else "tool"
        return ScriptedCall(
            model=str(body.get("model")),
            is_stream=body.get("stream") is True,
            tools=tuple(tools),
            turn=sum(message.get("role") == counted for message in messages),
            prompts=tuple(text for content in users for text in texts_of(content, ("text",))),
            text=text,
            max_output=limit_of(body.get("max_completion_tokens"), body.get("max_tokens")),
            wants_usage=mapping(body.get("stream_options")).get("include_usage") is True,
        )

    def whole(self, reply: ScriptedReply) -> Json:
        message: Json = {"role": "assistant", "content": reply.text or None}
        if reply.stop == "refusal":
            message |= {"content": None, "refusal": _REFUSAL}
        if reply.tool is not None:
            message["tool_calls"] = [_call(reply)]
        choice = {"index": 0, "message": message, "finish_reason": _STOPS[reply.stop], "logprobs": None}
        return _head(reply, "chat.completion") | {"choices": [choice], "usage": _usage(reply)}

    def stream(self, reply: ScriptedReply) -> tuple[list[str], list[str]]:
        before, after = [_chunk(reply, {"role": "assistant", "content": ""})], []
        if reply.text:
            first, second = reply.halves
            before.append(_chunk(reply, {"content": first}))
            after.append(_chunk(reply, {"content": second}))
        if reply.stop == "refusal":
            after.append(_chunk(reply, {"refusal": _REFUSAL}))
        if reply.tool is not None:
            after.append(_chunk(reply, {"tool_calls": [{"index": 0, **_call(reply)}]}))
        after.append(_chunk(reply, {}, _STOPS[reply.stop]))
        if reply.states_usage:
            last: Json = {"choices": [], "usage": _usage(reply)}
            after.append(sse(_head(reply, "chat.completion.chunk") | last))
        return before, [*after, sse("[DONE]")]

    def error_event(self) -> str:
        words = "The server had an error while processing your request"
        return sse({"error": {"message": words, "type": "server_error", "code": None}})


def _head(reply: ScriptedReply, kind: str) -> Json:
    identity = f"chatcmpl-{reply.serial}"
    return {"id": identity, "object": kind, "created": _CREATED, "model": reply.model}


def _usage(reply: ScriptedReply) -> Json | None:
    if not reply.states_usage:
        return None
    tokens = reply.tokens
    return {
        "prompt_tokens": tokens.total_in,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.total_in + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cached},
        "completion_tokens_details": {"reasoning_tokens": reply.reasoning},
    }


def _call(reply: ScriptedReply) -> Json:
    if reply.tool is None:
        raise ValueError("the reply calls no tool")
    function = {"name": reply.tool.name, "arguments": reply.tool.arguments_text}
    return {"id": f"call_{reply.serial}", "type": "function", "function": function}


def _chunk(reply: ScriptedReply, delta: Json, finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return sse(_head(reply, "chat.completion.chunk") | {"choices": [choice]})
