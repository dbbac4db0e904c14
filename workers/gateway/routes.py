"""Router: the allow-list of provider paths, and the kind of call behind each."""

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote

from workers.gateway.providers import Dialect, Provider, provider_named

Kind = Literal["messages", "responses", "chat", "generate", "count", "models"]
"""`count` counts tokens and `models` lists models: neither costs anything."""
METERED: Final = ("messages", "responses", "chat", "generate")
_MODEL = r"(?P<model>[A-Za-z0-9._:@-]{1,200}?)"
_PATHS: Final[dict[Dialect, tuple[tuple[str, re.Pattern[str], Kind], ...]]] = {
    "anthropic": (
        ("POST", re.compile(r"/v1/messages"), "messages"),
        ("POST", re.compile(r"/v1/messages/count_tokens"), "count"),
        ("GET", re.compile(rf"/v1/models(/{_MODEL})?"), "models"),
    ),
    "openai": (
        ("POST", re.compile(r"/responses"), "responses"),
        ("POST", re.compile(r"/chat/completions"), "chat"),
        ("GET", re.compile(rf"/models(/{_MODEL})?"), "models"),
    ),
    "gemini": (
        ("POST", re.compile(rf"/v1(beta|alpha)?/models/{_MODEL}:(stream)?[gG]enerateContent"), "generate"),
        ("POST", re.compile(rf"/v1(beta|alpha)?/models/{_MODEL}:countTokens"), "count"),
        ("GET", re.compile(rf"/v1(beta|alpha)?/models(/{_MODEL})?"), "models"),
    ),
}


@dataclass(frozen=True)
class Route:
    """A call that the gateway forwards."""

    provider: Provider
    kind: Kind
    path: str
    """Relative to the provider's base URL, without its query."""
    model: str | None = None
    """Of a path that names one."""

    @property
    def is_metered(self) -> bool:
        """Whether the call costs money."""
        return self.kind in METERED


def route(method: str, path: str) -> Route | None:
    """The route of a request to a door; None where the path is on no allow-list."""
    path = unquote(path)
    name = path.split("/", 2)[1] if path.startswith("/") else ""
    if not name:
        return None
    provider = provider_named(name)
    if provider.name != name or not path.startswith(f"{provider.mount}/"):
        return None
    rest = path.removeprefix(provider.mount)
    for verb, pattern, kind in _PATHS[provider.dialect]:
        match = pattern.fullmatch(rest)
        if match is not None and verb == method:
            return Route(provider, kind, rest, match.groupdict().get("model"))
    return None
