"""Client of a model provider: request headers with the real key, and one HTTP exchange."""

from collections.abc import Mapping
from typing import Final

from multidict import CIMultiDict
from yarl import URL

from workers.gateway.providers import Provider
from workers.gateway.routes import Route

_FORWARDED: Final = ("accept", "content-type", "user-agent")
_FORWARDED_PREFIXES: Final = ("anthropic-", "openai-", "x-stainless-", "x-goog-api-client")
_NOT_FORWARDED: Final = ("openai-organization", "openai-project")
"""They choose who pays, and that is the worker's."""
_RETURNED: Final = (
    "content-type",
    "request-id",
    "x-request-id",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
)
_RETURNED_PREFIXES: Final = ("anthropic-ratelimit-", "x-ratelimit-", "openai-")
_QUERY: Final = ("alt", "beta", "api-version")
_OAUTH_TOKEN: Final = "sk-ant-oat"  # noqa: S105 — the start of a kind of token, not one
_OAUTH_BETA: Final = "oauth-2025-04-20"


def request_headers(provider: Provider, key: str, given: Mapping[str, str]) -> dict[str, str]:
    """The headers for the provider: an allow-list of the program's own, and the key."""
    headers = {
        name.lower(): value
        for name, value in given.items()
        if (name.lower() in _FORWARDED or name.lower().startswith(_FORWARDED_PREFIXES))
        and name.lower() not in _NOT_FORWARDED
    }
    headers["accept-encoding"] = "identity"  # usage is read from the body
    match provider.dialect:
        case "anthropic" if key.startswith(_OAUTH_TOKEN):
            betas = [headers.get("anthropic-beta", ""), _OAUTH_BETA]
            headers["anthropic-beta"] = ",".join(dict.fromkeys(beta for beta in betas if beta))
            headers["authorization"] = f"Bearer {key}"
        case "anthropic":
            headers["x-api-key"] = key
        case "gemini":
            headers["x-goog-api-key"] = key
        case _:
            headers["authorization"] = f"Bearer {key}"
    return headers


def response_headers(given: Mapping[str, str]) -> CIMultiDict[str]:
    """The headers of a response that the program gets."""
    return CIMultiDict(
        (name, value)
        for name, value in given.items()
        if name.lower() in _RETURNED or name.lower().startswith(_RETURNED_PREFIXES)
    )


def url_of(base_url: str, route: Route, query: Mapping[str, str]) -> URL:
    """The provider's address of a call, with an allow-list of its query: others mask usage, or name a key."""
    url = URL(base_url.rstrip("/") + route.path)
    return url.with_query([(name, value) for name, value in query.items() if name in _QUERY])


def token_of(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """The key that a program sent, in any of the dialects' ways; empty where it sent none."""
    for name in ("x-api-key", "x-goog-api-key"):
        if headers.get(name):
            return headers[name]
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else query.get("key", "")
