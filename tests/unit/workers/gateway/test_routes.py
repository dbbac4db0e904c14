"""Only calls of a model pass, each at its provider's mount."""

import pytest

from workers.gateway.routes import route


@pytest.mark.parametrize(
    ("method", "path", "provider", "kind"),
    [
        ("POST", "/anthropic/v1/messages", "anthropic", "messages"),
        ("POST", "/anthropic/v1/messages/count_tokens", "anthropic", "count"),
        ("POST", "/openai/v1/responses", "openai", "responses"),
        ("POST", "/openrouter/v1/chat/completions", "openrouter", "chat"),
        ("POST", "/my-proxy/v1/chat/completions", "my-proxy", "chat"),
        ("GET", "/openai/v1/models", "openai", "models"),
        ("POST", "/gemini/v1beta/models/gemini-2.5-pro:generateContent", "gemini", "generate"),
        ("POST", "/gemini/v1beta/models/gemini-2.5-pro:countTokens", "gemini", "count"),
    ],
)
def test_a_model_call_has_a_route(method: str, path: str, provider: str, kind: str) -> None:
    found = route(method, path)
    assert (found.provider.name, found.kind) == (provider, kind)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/anthropic/v1/messages"),
        ("POST", "/anthropic/v1/files"),
        ("POST", "/anthropic/v1/messages/batches"),
        ("POST", "/anthropic/../openai/v1/responses"),
        ("POST", "/anthropic/%2e%2e/openai/v1/responses"),
        ("POST", "/openai/responses"),
        ("POST", "/openai/v1/responses/../files"),
        ("POST", "/gemini/v1beta/models/a/b:generateContent"),
        ("POST", "/google/v1beta/models/gemini-2.5-pro:generateContent"),
        ("DELETE", "/openai/v1/models/x"),
        ("POST", "/"),
        ("POST", ""),
    ],
)
def test_everything_else_has_none(method: str, path: str) -> None:
    assert route(method, path) is None
