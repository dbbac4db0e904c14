"""Parser of a model request: model, output limit, and an upper bound of its input tokens."""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from workers.gateway.routes import Kind, Route

MESSAGE_TOKENS: Final = 16
"""Tokens that a provider adds around one message at most."""
HIDDEN_TOKENS: Final = 1_000
"""Tokens of the provider's own instructions, such as those for tools, at most."""
IMAGE_TOKENS: Final = 6_000
"""Tokens of one image at most, whatever its bytes."""
_MARKER = re.compile(rb', "cache_control": \{[^{}]*\}|"cache_control": \{[^{}]*\}(, )?')
"""Where a prompt cache ends: it moves from call to call and is no input."""
_INLINE_DATA = re.compile(
    rb'"(?:data|url|image_url)": "(?:data:image/[a-z+.-]+;base64,)?[A-Za-z0-9+/=]{512,}"'
)
_IMAGE = re.compile(rb'"(?:type|media_type|mime_?[tT]ype)": "(?:image|input_image|image_url)["/]')
_PARTS: Final[dict[Kind, tuple[str, ...]]] = {
    "messages": ("system", "tools", "messages"),
    "responses": ("instructions", "tools", "input", "text"),
    "chat": ("tools", "functions", "messages", "response_format"),
    "generate": ("systemInstruction", "system_instruction", "tools", "contents", "generationConfig"),
}
_LIMITS: Final[dict[Kind, tuple[str, ...]]] = {
    "messages": ("max_tokens",),
    "responses": ("max_output_tokens",),
    "chat": ("max_completion_tokens", "max_tokens"),
    "generate": ("maxOutputTokens", "max_output_tokens"),
}
HISTORY: Final[dict[Kind, str]] = {
    "messages": "messages",
    "responses": "input",
    "chat": "messages",
    "generate": "contents",
}
"""The key of the conversation in a request."""


@dataclass(frozen=True)
class ModelCall:
    """A metered request."""

    route: Route
    model: str
    body: dict[str, Any]
    is_stream: bool
    parts: Counter[tuple[bytes, int]] = field(repr=False)
    """Digest and tokens at most of each part of the input."""
    history: tuple[bytes, ...] = field(default=(), repr=False)
    """Digests of the conversation's messages, in order."""

    @property
    def kind(self) -> Kind:
        return self.route.kind

    @property
    def output_limit(self) -> int | None:
        """The tokens that the request allows for its output; None where it has no limit."""
        options = limit_options(self.body, self.kind)
        given = (options.get(name) for name in _LIMITS[self.kind])
        return next((value for value in given if isinstance(value, int) and value > 0), None)

    @property
    def answers(self) -> int:
        """How many answers are asked for, each with the output limit."""
        options = limit_options(self.body, self.kind)
        counts = (options.get(name) for name in ("n", "candidateCount", "candidate_count"))
        return max((value for value in counts if isinstance(value, int)), default=1)

    @property
    def writes_long_cache(self) -> bool:
        """Whether it asks for a prompt cache of an hour, whose writes are dearer."""
        return '"ttl": "1h"' in json.dumps(self.body)


def limit_options(body: dict[str, Any], kind: Kind) -> dict[str, Any]:
    """The object that holds the output limit."""
    if kind != "generate":
        return body
    options = body.get("generationConfig")
    return options if isinstance(options, dict) else {}


def parse_call(route: Route, body: object, path_is_stream: bool) -> ModelCall:
    """The call in a request body. Raises `ValueError` with one line where it is none."""
    if not isinstance(body, dict):
        raise ValueError("the request is not a JSON object")
    model = route.model or body.get("model")
    if not isinstance(model, str) or not model:
        raise ValueError("the request names no model")
    is_stream = path_is_stream if route.kind == "generate" else body.get("stream") is True
    parts = list(_parts(body, route.kind))
    history = tuple(digest for name, digest, _ in parts if name == HISTORY[route.kind])
    return ModelCall(
        route, model, body, is_stream, Counter((digest, tokens) for _, digest, tokens in parts), history
    )


def _parts(body: dict[str, Any], kind: Kind) -> Iterator[tuple[str, bytes, int]]:
    """(key in the request, digest, tokens at most) of each part of the input."""
    for name in _PARTS[kind]:
        value = body.get(name)
        if value is None:
            continue
        for part in value if isinstance(value, list) else [value]:
            text = _MARKER.sub(b"", json.dumps(part, ensure_ascii=False).encode("utf-8", "replace"))
            yield name, hashlib.blake2b(text, digest_size=12).digest(), _most_tokens(text)


def _most_tokens(text: bytes) -> int:
    """Every token has at least a byte; an image has far fewer tokens than bytes."""
    images = len(_IMAGE.findall(text)) if len(text) > 512 else 0
    if images:
        text = _INLINE_DATA.sub(b"", text)
    return len(text) + images * IMAGE_TOKENS + MESSAGE_TOKENS


@dataclass(frozen=True)
class Counted:
    """The parts of an earlier call, and the input tokens that the provider counted for it."""

    parts: Counter[tuple[bytes, int]]
    tokens: int

    @property
    def excess(self) -> float:
        """How many times the bound by bytes the provider counted, at least 1: it may add text of its own."""
        return max(1.0, self.tokens / max(1, most_tokens_of(self.parts)))


def most_tokens_of(parts: Counter[tuple[bytes, int]]) -> int:
    """Tokens of these parts at most, by their bytes."""
    return HIDDEN_TOKENS + sum(tokens * count for (_, tokens), count in parts.items())


def most_input_tokens(call: ModelCall, earlier: Iterable[Counted] = ()) -> int:
    """An upper bound of the call's input tokens.

    Parts that an earlier call had, too, cost together at most what the provider counted for all of that call; every
    other part has at most a token for each byte.
    """
    known = list(earlier)
    excess = max((each.excess for each in known), default=1.0)
    bounds = [most_tokens_of(call.parts) * excess]
    for each in known:
        fresh = call.parts - each.parts
        if fresh.total() < call.parts.total():
            bounds.append(each.tokens + most_tokens_of(fresh) * excess)
    return math.ceil(min(bounds))
