"""Registry of model providers: base URL, dialect and the variables of their keys."""

from dataclasses import dataclass
from typing import Final, Literal

Dialect = Literal["anthropic", "openai", "gemini"]
"""The family of request and response formats: Messages; Responses and Chat Completions; generateContent."""


@dataclass(frozen=True)
class Provider:
    """A model provider and how its clients reach it."""

    name: str
    dialect: Dialect
    base_url: str
    """In the convention of its own clients: with `/v1` for OpenAI's dialect."""
    keys: tuple[str, ...]
    """Names of the variables that may hold its key, the preferred one first."""

    @property
    def mount(self) -> str:
        """The path of a door under which the provider is reached, in the same convention."""
        return f"/{self.name}/v1" if self.dialect == "openai" else f"/{self.name}"


@dataclass(frozen=True)
class ProviderEndpoint:
    """Base URL and key under which a program reaches its model provider."""

    provider: str
    """Such as `anthropic` or `openai`."""
    url: str | None = None
    """In the convention of the provider's own clients: with `/v1` for OpenAI's; None is the program's default."""
    key: str | None = None
    """The gateway's token for this candidate; None where the program gets the real key, as a secret."""

    @property
    def is_metered(self) -> bool:
        """Whether the calls pass through the gateway."""
        return self.key is not None


_OPENAI_LIKE: Final = {
    "deepseek": "https://api.deepseek.com/v1",
    "groq": "https://api.groq.com/openai/v1",
    "mistral": "https://api.mistral.ai/v1",
    "moonshot": "https://api.moonshot.ai/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "qwen": "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
    "xai": "https://api.x.ai/v1",
    "zai": "https://api.z.ai/api/paas/v4",
}
_KEYS: Final = {"qwen": ("DASHSCOPE_API_KEY", "QWEN_API_KEY")}
PROVIDERS: Final = {
    each.name: each
    for each in (
        Provider(
            "anthropic",
            "anthropic",
            "https://api.anthropic.com",
            ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
        ),
        Provider("openai", "openai", "https://api.openai.com/v1", ("OPENAI_API_KEY", "CODEX_API_KEY")),
        Provider(
            "gemini",
            "gemini",
            "https://generativelanguage.googleapis.com",
            ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"),
        ),
        *(
            Provider(name, "openai", url, _KEYS.get(name, (f"{name.upper()}_API_KEY",)))
            for name, url in _OPENAI_LIKE.items()
        ),
    )
}
_ALIASES: Final = {
    "google": "gemini",
    "moonshotai": "moonshot",
    "dashscope": "qwen",
    "x-ai": "xai",
    "z-ai": "zai",
}


def provider_named(name: str) -> Provider:
    """The provider of that name; an unknown one has OpenAI's dialect and no base URL, which the config must give."""
    name = _ALIASES.get(name, name)
    if name in PROVIDERS:
        return PROVIDERS[name]
    variable = "".join(c if c.isalnum() else "_" for c in name.upper())
    return Provider(name, "openai", "", (f"{variable}_API_KEY",))
