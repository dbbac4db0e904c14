"""Dialect of Google's Gemini API."""

import json
import re

from workers.gateway.scripted.messages import (
    Json,
    ScriptedCall,
    ScriptedReply,
    ToolDefinition,
    limit_of,
    mapping,
    objects,
    sse,
)

_MODEL = re.compile(r"/models/([^:/]+):")
_STOPS = {"end": "STOP", "tool": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}


class GeminiContent:
    """`POST …/models/MODEL:generateContent` and `…:streamGenerateContent`."""

    name = "gemini"
    has_cache_writes = False

    def __init__(self, path: str) -> None:
        """The path of the request, which has the model and whether it streams."""
        self._path = path

    def read(self, body: Json) -> ScriptedCall:
        contents = objects(body.get("contents"))
        parts = [
            (content.get("role"), part) for content in contents for part in objects(content.get("parts"))
        ]
        declared = [
            each for tool in objects(body.get("tools")) for each in objects(tool.get("functionDeclarations"))
        ]
        match = _MODEL.search(self._path)
        return ScriptedCall(
            model="" if match is None else match[1],
            is_stream=self._path.endswith(":streamGenerateContent"),
            tools=tuple(ToolDefinition(str(each.get("name")), _schema(each)) for each in declared),
            turn=sum("functionResponse" in part for _, part in parts),
            prompts=tuple(part["text"] for role, part in parts if role != "model" and "text" in part),
            text=json.dumps([body.get("systemInstruction"), contents]),
            max_output=limit_of(mapping(body.get("generationConfig")).get("maxOutputTokens")),
        )

    def whole(self, reply: ScriptedReply) -> Json:
        return _response(reply, _parts(reply, reply.text), is_last=True)

    def stream(self, reply: ScriptedReply) -> tuple[list[str], list[str]]:
        first, second = reply.halves
        before = [sse(_response(reply, [{"text": first}], is_last=False))]
        return before, [sse(_response(reply, _parts(reply, second), is_last=True))]

    def error_event(self) -> str:
        return sse({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}})


def _schema(declaration: Json) -> Json:
    return mapping(declaration.get("parametersJsonSchema") or declaration.get("parameters"))


def _parts(reply: ScriptedReply, text: str) -> list[Json]:
    parts: list[Json] = [{"text": text}] if text else []
    if reply.tool is not None:
        parts.append({"functionCall": {"name": reply.tool.name, "args": reply.tool.arguments}})
    return parts or [{"text": ""}]


def _response(reply: ScriptedReply, parts: list[Json], *, is_last: bool) -> Json:
    candidate: Json = {"content": {"role": "model", "parts": parts}, "index": 0}
    if is_last:
        candidate["finishReason"] = _STOPS[reply.stop]
    response: Json = {
        "candidates": [candidate],
        "modelVersion": reply.model,
        "responseId": f"r{reply.serial}",
    }
    if is_last and reply.states_usage:
        tokens = reply.tokens
        response["usageMetadata"] = {
            "promptTokenCount": tokens.total_in,
            "cachedContentTokenCount": tokens.cached,
            "candidatesTokenCount": tokens.output - reply.reasoning,
            "thoughtsTokenCount": reply.reasoning,
            "totalTokenCount": tokens.total_in + tokens.output,
        }
    return response
