"""Types of a call and its reply, independent of the dialect, and the protocol of a dialect."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from workers.gateway.scripted.prices import Tokens

Json = dict[str, Any]
ToolForm = Literal["function", "custom", "local_shell"]
ReplyStop = Literal["end", "tool", "length", "refusal"]


@dataclass(frozen=True)
class ToolDefinition:
    """A tool that the program offers to the model."""

    name: str
    schema: Mapping[str, Any] = field(default_factory=dict)
    """JSON schema of its arguments."""
    form: ToolForm = "function"
    namespace: str | None = None


@dataclass(frozen=True)
class ScriptedCall:
    """What the scripted model needs to know of a request."""

    model: str
    is_stream: bool
    tools: tuple[ToolDefinition, ...]
    turn: int
    """The number of tool results in the conversation."""
    prompts: tuple[str, ...]
    """Texts of the user's messages, tool results excluded."""
    text: str
    """The whole conversation as JSON text."""
    max_output: int | None
    """The request's limit of output tokens."""
    wants_usage: bool = True
    """Whether a stream may state its usage."""


@dataclass(frozen=True)
class ToolUse:
    """A call of a tool by the model."""

    name: str
    arguments: Json
    form: ToolForm = "function"
    namespace: str | None = None

    @property
    def arguments_text(self) -> str:
        """The arguments as JSON text."""
        return json.dumps(self.arguments)


@dataclass(frozen=True)
class ScriptedReply:
    """The answer to a call."""

    serial: int
    model: str
    text: str
    tool: ToolUse | None
    stop: ReplyStop
    tokens: Tokens
    reasoning: int = 0
    """Of the output tokens."""
    states_usage: bool = True

    @property
    def halves(self) -> tuple[str, str]:
        """The text in two parts."""
        middle = len(self.text) // 2
        return self.text[:middle], self.text[middle:]


class WireFormat(Protocol):
    """A dialect: reads requests and writes responses."""

    name: str
    has_cache_writes: bool
    """Whether its usage states tokens written to the cache."""

    def read(self, body: Json) -> ScriptedCall:
        """The request of that body."""
        ...

    def whole(self, reply: ScriptedReply) -> Json:
        """The response body without streaming."""
        ...

    def stream(self, reply: ScriptedReply) -> tuple[list[str], list[str]]:
        """The server-sent events, in two parts: up to the middle of the text, and the rest."""
        ...

    def error_event(self) -> str:
        """A server-sent event for an error in the middle of an answer."""
        ...


def sse(data: Json | str, event: str | None = None) -> str:
    """One server-sent event."""
    head = "" if event is None else f"event: {event}\n"
    return f"{head}data: {data if isinstance(data, str) else json.dumps(data)}\n\n"


def objects(value: object) -> list[Json]:
    """The JSON objects of a list; of anything else none."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def mapping(value: object) -> Json:
    """A JSON object; anything else is an empty one."""
    return value if isinstance(value, dict) else {}


def texts_of(content: object, kinds: Collection[str]) -> Iterator[str]:
    """The texts of a message's content, which is a string or a list of typed parts."""
    if isinstance(content, str):
        yield content
    for part in objects(content):
        if part.get("type") in kinds and isinstance(part.get("text"), str):
            yield part["text"]


def limit_of(*values: object) -> int | None:
    """The first value that is a limit of tokens."""
    return next((each for each in values if isinstance(each, int) and each > 0), None)
