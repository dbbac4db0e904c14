"""Parser of a model request: model, output limit, and an upper bound of its input tokens."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from workers.gateway.content import UNBOUNDED, canonical, most_tokens
from workers.gateway.routes import Kind, Route

HIDDEN_TOKENS: Final = 1_000
"""Tokens of the provider's own instructions, such as those for tools, at most."""
MOST_ANSWERS: Final = 128
_PARTS: Final[dict[Kind, tuple[str, ...]]] = {
    "messages": ("system", "tools", "messages"),
    "responses": ("instructions", "tools", "input", "text"),
    "chat": ("tools", "functions", "messages", "response_format"),
    "generate": ("systemInstruction", "tools", "contents", "generationConfig"),
}
_LIMITS: Final[dict[Kind, tuple[str, ...]]] = {
    "messages": ("max_tokens",),
    "responses": ("max_output_tokens",),
    "chat": ("max_completion_tokens", "max_tokens"),
    "generate": ("maxOutputTokens",),
}
_ANSWERS: Final = ("n", "candidateCount")
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
    output_limit: int | None = None
    """The tokens that the request allows for its output; None where it has no limit."""
    answers: int = 1
    """How many answers are asked for, each with the output limit."""
    writes_long_cache: bool = False
    """Whether it asks for a prompt cache of an hour, whose writes are dearer."""

    @property
    def kind(self) -> Kind:
        return self.route.kind

    @property
    def is_countable(self) -> bool:
        """Whether what the provider counts for it bounds a later call with the same parts: nothing is edited out."""
        edits = (self.body.get("context_management") or {}).get("edits") or ()
        keeps_all = all(isinstance(edit, dict) and edit.get("keep") == "all" for edit in edits)
        return keeps_all and self.body.get("truncation") in (None, "disabled")

    @property
    def has_media(self) -> bool:
        """Whether its bytes do not bound its tokens."""
        return any(tokens >= UNBOUNDED for _, tokens in self.parts)


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
    options = limit_options(body, route.kind)
    limits = [_whole(options, name) for name in _LIMITS[route.kind]]
    answers = [_whole(options, name, MOST_ANSWERS) for name in _ANSWERS]
    parts = list(_parts(body, route.kind))
    history = tuple(digest for name, digest, _ in parts if name == HISTORY[route.kind])
    return ModelCall(
        route,
        model,
        body,
        is_stream,
        Counter((digest, tokens) for _, digest, tokens in parts),
        history,
        next((limit for limit in limits if limit is not None), None),
        max((count for count in answers if count is not None), default=1),
        '"ttl": "1h"' in json.dumps(body),
    )


def _whole(options: dict[str, Any], name: str, most: int = 10**7) -> int | None:
    """A count of the request; None where it is left out. Raises `ValueError` for what a provider may read otherwise."""
    value = options.get(name)
    if value is None:
        return None
    if type(value) is not int or not 1 <= value <= most:
        raise ValueError(f"{name} must be a whole number from 1 to {most}")
    return value


def _parts(body: dict[str, Any], kind: Kind) -> Iterator[tuple[str, bytes, int]]:
    """(key in the request, digest, tokens at most) of each part of the input."""
    for name in _PARTS[kind]:
        value = body.get(name)
        if value is None:
            continue
        for part in value if isinstance(value, list) else [value]:
            text = canonical(part)
            digest = hashlib.blake2b(name.encode() + b"\0" + text, digest_size=12).digest()
            yield name, digest, most_tokens(part, text)


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
