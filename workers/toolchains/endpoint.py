"""Endpoint of a model provider as environment variables of a program, and the provider that a model's name implies."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from workers.gateway.providers import Provider, provider_named
from workers.toolchains.base import RoundContext

_FAMILIES = (
    (re.compile(r"claude|sonnet|opus|haiku"), "anthropic"),
    (re.compile(r"gpt-|chatgpt|o\d(-|$)|codex"), "openai"),
    (re.compile(r"gemini"), "gemini"),
    (re.compile(r"deepseek"), "deepseek"),
    (re.compile(r"qwen"), "qwen"),
)

_URLS: Final = {
    "anthropic": ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_BASE", "ANTHROPIC_HOST"),
    "openai": ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    "gemini": ("GOOGLE_GEMINI_BASE_URL",),
}
"""By dialect: the variables of a base URL that the usual clients read."""
_KEYS: Final = {
    "anthropic": ("ANTHROPIC_API_KEY",),
    "openai": ("OPENAI_API_KEY",),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
}


def implied_provider(model: str | None) -> str | None:
    """The provider of `provider/name` or of a well-known bare name; None where the name implies none."""
    if model is None:
        return None
    provider, slash, _ = model.strip().lower().partition("/")
    if slash:
        return provider
    return next((owner for pattern, owner in _FAMILIES if pattern.match(provider)), None)


def bare_model(model: str | None, provider: str | None) -> str | None:
    """The model's name as its provider has it, without the `provider/` in front; None where there is no model."""
    if model is None:
        return None
    first, slash, rest = model.strip().partition("/")
    return rest if slash and provider_named(first.lower()).name == _canonical(provider) else model.strip()


def _canonical(provider: str | None) -> str | None:
    return None if provider is None else provider_named(provider).name


@dataclass(frozen=True)
class Reach:
    """What a program needs to reach its provider."""

    env: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    """Names of the worker's secrets that it gets, where the gateway does not hold them."""


def client_variables(owner: Provider) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the variables of base URL and of key that the usual clients of the provider's dialect read.

    Returns: the names of the base URL, and those of the key, the provider's own last.
    """
    own = owner.name.upper().replace("-", "_")
    urls, keys = (*_URLS[owner.dialect], f"{own}_BASE_URL"), (*_KEYS[owner.dialect], *owner.keys[:1])
    return tuple(dict.fromkeys(urls)), tuple(dict.fromkeys(keys))


def reach(
    context: RoundContext, *, url: tuple[str, ...], key: tuple[str, ...], secrets: tuple[str, ...] = ()
) -> Reach:
    """The variables `url` and `key` set to the endpoint of the round.

    Without the gateway the program gets the secrets named `secrets` (default: `key`) and, where the reference has a
    base URL, that.
    """
    endpoint = context.endpoint
    if endpoint is None or endpoint.key is None:
        base = None if endpoint is None else endpoint.url
        return Reach({} if base is None else dict.fromkeys(url, base), secrets or key)
    env = {} if endpoint.url is None else dict.fromkeys(url, endpoint.url)
    return Reach({**env, **dict.fromkeys(key, endpoint.key)})
