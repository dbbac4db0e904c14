"""Assembly of a streamed response: the server-sent events of a dialect as the one response that they spell out."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from workers.gateway.sse import EventParser
from workers.untrusted import mapping, sequence

Json = dict[str, Any]


class Assembler(Protocol):
    """Accumulator of the events of one response; a stream that broke off gives what arrived of it."""

    response: Json

    def feed(self, event: Json) -> None: ...


def assemble(kind: str, events: str) -> Json:
    """The response that the text of a stream spells out, in the form of an unstreamed one.

    `kind` is that of the call: `messages`, `responses`, `chat` or `generate`. Any text is accepted: events that are
    not JSON are left out.
    """
    return assembled(kind, _objects(events))


def assembled(kind: str, events: Iterable[Json]) -> Json:
    """The response of decoded events."""
    assembler = _ASSEMBLERS[kind]()
    for event in events:
        assembler.feed(event)
    return assembler.response


def is_whole(kind: str, response: Json) -> bool:
    """Whether a response reached its end."""
    match kind:
        case "messages":
            return response.get("stop_reason") is not None
        case "responses":
            return response.get("status") in ("completed", "incomplete")
        case "chat":
            return all(
                mapping(each).get("finish_reason") for each in sequence(response.get("choices")) or [None]
            )
    blocked = mapping(response.get("promptFeedback")).get("blockReason")
    candidates = sequence(response.get("candidates"))
    return bool(blocked) or any(mapping(each).get("finishReason") for each in candidates)


def _objects(events: str) -> Iterator[Json]:
    parser = EventParser()
    for data in (*parser.feed(events.encode("utf-8", "replace")), *parser.close()):
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict):
            yield event


class Messages:
    """Assembler of Anthropic's Messages."""

    def __init__(self) -> None:
        self.response: Json = {}
        self._inputs: dict[int, str] = {}

    def feed(self, event: Json) -> None:
        index = _index(event.get("index"))
        match event.get("type"):
            case "message_start":
                self.response = dict(mapping(event.get("message")))
                self.response["content"] = list(sequence(self.response.get("content")))
            case "content_block_start":
                _put(self._blocks, index, dict(mapping(event.get("content_block"))))
            case "content_block_delta":
                self._delta(index, mapping(event.get("delta")))
            case "message_delta":
                self.response.update(mapping(event.get("delta")))
                self.response["usage"] = {
                    **mapping(self.response.get("usage")),
                    **mapping(event.get("usage")),
                }
            case "error":
                self.response["error"] = event.get("error")

    @property
    def _blocks(self) -> list[Any]:
        blocks: list[Any] = self.response.setdefault("content", [])
        return blocks

    def _delta(self, index: int, delta: Json) -> None:
        block = _at(self._blocks, index)
        for key in ("text", "thinking", "signature"):
            if isinstance(delta.get(key), str):
                block[key] = _text(block.get(key)) + delta[key]
        if isinstance(delta.get("partial_json"), str):
            self._inputs[index] = self._inputs.get(index, "") + delta["partial_json"]
            block["input"] = _arguments(self._inputs[index])


class Responses:
    """Assembler of OpenAI's Responses."""

    def __init__(self) -> None:
        self.response: Json = {}
        self._output: list[Any] = []

    def feed(self, event: Json) -> None:
        kind = _text(event.get("type"))
        if kind == "error":
            self.response["error"] = event.get("error") or event.get("message") or "error"
        elif "response" in event:
            self.response = dict(mapping(event["response"]))
            given = sequence(self.response.get("output"))
            self._output = list(given) or self._output
        elif kind.startswith("response.output_item."):
            _put(self._output, _index(event.get("output_index")), dict(mapping(event.get("item"))))
        elif kind.endswith(".delta") and isinstance(event.get("delta"), str):
            self._delta(kind, event)
        self.response["output"] = self._output

    def _delta(self, kind: str, event: Json) -> None:
        item, delta = _at(self._output, _index(event.get("output_index"))), event["delta"]
        match kind.split(".")[1]:
            case "output_text":
                _extend(item, "content", event.get("content_index"), "output_text", "text", delta)
            case "refusal":
                _extend(item, "content", event.get("content_index"), "refusal", "refusal", delta)
            case "reasoning_text":
                _extend(item, "content", event.get("content_index"), "reasoning_text", "text", delta)
            case "reasoning_summary_text":
                _extend(item, "summary", event.get("summary_index"), "summary_text", "text", delta)
            case "function_call_arguments":
                item["arguments"] = _text(item.get("arguments")) + delta
            case "custom_tool_call_input":
                item["input"] = _text(item.get("input")) + delta


class Chat:
    """Assembler of OpenAI's Chat Completions."""

    def __init__(self) -> None:
        self.response: Json = {}

    def feed(self, event: Json) -> None:
        choices: list[Any] = self.response.setdefault("choices", [])
        self.response.update(
            {key: value for key, value in event.items() if key != "choices" and value is not None}
        )
        for each in sequence(event.get("choices")):
            choice = _at(choices, _index(mapping(each).get("index")))
            message = choice.setdefault("message", {"role": "assistant", "content": None})
            self._merge(message, mapping(mapping(each).get("delta")))
            if mapping(each).get("finish_reason") is not None:
                choice["finish_reason"] = each["finish_reason"]

    @staticmethod
    def _merge(message: Json, delta: Json) -> None:
        for key, value in delta.items():
            if isinstance(value, str) and key != "role":
                message[key] = _text(message.get(key)) + value
        for each in sequence(delta.get("tool_calls")):
            part = mapping(each)
            call = _at(message.setdefault("tool_calls", []), _index(part.get("index")))
            call.update({key: value for key, value in part.items() if key in ("id", "type") and value})
            function = call.setdefault("function", {"name": "", "arguments": ""})
            for key in ("name", "arguments"):
                function[key] += _text(mapping(part.get("function")).get(key))


class Generate:
    """Assembler of Gemini's generateContent."""

    def __init__(self) -> None:
        self.response: Json = {}

    def feed(self, event: Json) -> None:
        candidates: list[Any] = self.response.setdefault("candidates", [])
        self.response.update({key: value for key, value in event.items() if key != "candidates"})
        for each in sequence(event.get("candidates")):
            part = mapping(each)
            candidate = _at(candidates, _index(part.get("index")))
            candidate.update({key: value for key, value in part.items() if key != "content"})
            content = candidate.setdefault("content", {"role": "model", "parts": []})
            for piece in sequence(mapping(part.get("content")).get("parts")):
                self._add(content["parts"], mapping(piece))

    @staticmethod
    def _add(parts: list[Json], part: Json) -> None:
        last = parts[-1] if parts else {}
        if "text" in part and "text" in last and part.get("thought") == last.get("thought"):
            last["text"] = _text(last["text"]) + _text(part["text"])
        else:
            parts.append(dict(part))


_ASSEMBLERS: dict[str, type[Assembler]] = {
    "messages": Messages,
    "responses": Responses,
    "chat": Chat,
    "generate": Generate,
}
_MAX_PARTS = 10_000
"""Parts of one response; a larger index is a provider's error."""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _index(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < _MAX_PARTS else 0


def _at(items: list[Any], index: int) -> Json:
    """The object at `index`, made where it is missing."""
    while len(items) <= index:
        items.append({})
    if not isinstance(items[index], dict):
        items[index] = {}
    item: Json = items[index]
    return item


def _put(items: list[Any], index: int, item: Json) -> None:
    _at(items, index)
    items[index] = item


def _extend(item: Json, name: str, index: Any, kind: str, key: str, delta: str) -> None:
    if not isinstance(item.get(name), list):
        item[name] = []
    part = _at(item[name], _index(index))
    part.setdefault("type", kind)
    part[key] = _text(part.get(key)) + delta


def _arguments(text: str) -> Json:
    """The arguments that a JSON text gives so far; the text itself where it is not complete."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {"partial_json": text}
    return value if isinstance(value, dict) else {"input": value}
