"""Where claude, codex and opencode send their calls, and with which key: through the gateway, or without it."""

import dataclasses
import json
import tomllib
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.contracts.toolchains.tests_toolchains_support import ref_of
from workers.gateway.providers import provider_named
from workers.toolchains.base import Invocation, ProviderEndpoint, RoundContext
from workers.toolchains.registry import get_toolchain

DOOR = "http://127.0.0.1:8377"
TOKEN = "door-token"
PROGRAMS = ("claude", "codex", "opencode")
MOUNTS = {"claude": "anthropic", "codex": "openai", "opencode": "anthropic"}
MakeContext = Callable[..., RoundContext]


def invocation_of(
    make_context: MakeContext, name: str, endpoint: ProviderEndpoint | None, **changes: Any
) -> Invocation:
    context = dataclasses.replace(make_context(ref_of(name, **changes), cell=name), endpoint=endpoint)
    return get_toolchain(name).invocation(context)


def codex_settings(argv: Sequence[str]) -> dict[str, Any]:
    """The settings that codex parses from its arguments: each is one line of TOML."""
    lines = [argv[at + 1] for at, argument in enumerate(argv) if argument == "-c"]
    settings: dict[str, Any] = {}
    for line in lines:
        name, _, value = line.partition("=")
        try:
            settings[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            settings[name] = value
    return settings


def base_url(name: str, invocation: Invocation) -> str | None:
    """Where the program sends its calls; None for its own default."""
    if name == "claude":
        return invocation.env.get("ANTHROPIC_BASE_URL")
    if name == "codex":
        return str(codex_settings(invocation.argv)["model_providers.farm"]["base_url"])
    configured = invocation.env.get("OPENCODE_CONFIG_CONTENT")
    if configured is None:
        return None
    return str(json.loads(configured)["provider"]["anthropic"]["options"]["baseURL"])


URLS = {
    "claude": f"{DOOR}/anthropic",
    "codex": f"{DOOR}/openai/v1",
    # Its own base URLs contain the version of the API.
    "opencode": f"{DOOR}/anthropic/v1",
}


def metered(name: str) -> ProviderEndpoint:
    return ProviderEndpoint(MOUNTS[name], URLS[name].replace("anthropic/v1", "anthropic"), TOKEN)


@pytest.mark.parametrize("name", PROGRAMS)
def test_through_the_gateway_a_program_has_the_doors_key_and_neither_secrets_nor_network(
    name: str, make_context: MakeContext
) -> None:
    invocation = invocation_of(make_context, name, metered(name))
    key = {"codex": "OPENAI_API_KEY"}.get(name, "ANTHROPIC_API_KEY")
    assert (base_url(name, invocation), invocation.env[key]) == (URLS[name], TOKEN)
    assert (invocation.secrets, invocation.network) == ((), False)


@pytest.mark.parametrize("name", PROGRAMS)
def test_without_the_gateway_a_program_has_secrets_by_name_and_the_configured_url(
    name: str, make_context: MakeContext
) -> None:
    endpoint = dataclasses.replace(metered(name), key=None)
    invocation = invocation_of(make_context, name, endpoint)
    assert base_url(name, invocation) == URLS[name]
    assert TOKEN not in json.dumps([invocation.argv, dict(invocation.env)])
    assert (bool(invocation.secrets), invocation.network) == (True, True)


@pytest.mark.parametrize("endpoint", [None, ProviderEndpoint("anthropic")])
def test_claude_takes_a_key_or_a_token_of_a_subscription(
    endpoint: ProviderEndpoint | None, make_context: MakeContext
) -> None:
    invocation = invocation_of(make_context, "claude", endpoint)
    assert invocation.secrets == ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN")
    assert base_url("claude", invocation) is None


def test_codex_has_a_provider_of_its_own_that_takes_either_name_of_the_key(make_context: MakeContext) -> None:
    """The built-in one ignores OPENAI_API_KEY and takes no base URL."""
    invocation = invocation_of(make_context, "codex", None)
    settings = codex_settings(invocation.argv)
    assert (settings["model_provider"], settings["analytics.enabled"]) == ("farm", False)
    assert settings["model_providers.farm"] == {
        "name": "farm",
        "base_url": "https://api.openai.com/v1",
        "wire_api": "responses",
        "auth": {"command": "sh", "args": ["-c", 'printf %s "${OPENAI_API_KEY:-$CODEX_API_KEY}"']},
    }
    assert invocation.secrets == ("OPENAI_API_KEY", "CODEX_API_KEY")


def test_codex_takes_url_and_key_of_another_provider(make_context: MakeContext) -> None:
    endpoint = ProviderEndpoint("groq")
    invocation = invocation_of(make_context, "codex", endpoint, provider="groq", model="some-model")
    settings = codex_settings(invocation.argv)["model_providers.farm"]
    assert (settings["base_url"], settings["env_key"]) == ("https://api.groq.com/openai/v1", "GROQ_API_KEY")
    assert invocation.secrets == ("GROQ_API_KEY",)


def test_codex_gets_no_reference_to_a_key_that_it_does_not_have(make_context: MakeContext) -> None:
    endpoint = ProviderEndpoint("ollama", "http://127.0.0.1:11434/v1")
    invocation = invocation_of(make_context, "codex", endpoint, provider="ollama", model="some-model")
    settings = codex_settings(invocation.argv)["model_providers.farm"]
    assert set(settings) == {"name", "base_url", "wire_api"}
    assert invocation.secrets == ()


@pytest.mark.parametrize(
    ("model", "provider", "url", "expected"),
    [
        ("openai/gpt-5", "openai", f"{DOOR}/openai/v1", f"{DOOR}/openai/v1"),
        ("google/gemini-2.5-pro", "google", f"{DOOR}/gemini", f"{DOOR}/gemini/v1beta"),
        ("deepseek/deepseek-chat", "deepseek", f"{DOOR}/deepseek/v1", f"{DOOR}/deepseek/v1"),
        ("claude-sonnet-4-5", "anthropic", f"{DOOR}/anthropic", f"{DOOR}/anthropic/v1"),
    ],
)
def test_opencode_gets_the_url_under_the_name_and_in_the_form_that_it_uses(
    model: str, provider: str, url: str, expected: str, make_context: MakeContext
) -> None:
    endpoint = ProviderEndpoint(provider, url, TOKEN)
    invocation = invocation_of(make_context, "opencode", endpoint, model=model)
    options = {"baseURL": expected, "apiKey": TOKEN}
    content = json.loads(invocation.env["OPENCODE_CONFIG_CONTENT"])
    assert content["provider"] == {provider: {"options": options}}
    assert f"--model={provider}/{model.split('/')[-1]}" in invocation.argv


def test_a_repository_overrides_neither_url_nor_key(make_context: MakeContext) -> None:
    claude = invocation_of(make_context, "claude", metered("claude"))
    sources = claude.argv[claude.argv.index("--setting-sources") + 1]
    assert sources == "user"  # and so neither the project's nor local settings
    opencode = invocation_of(make_context, "opencode", metered("opencode"))
    assert opencode.env["OPENCODE_DISABLE_PROJECT_CONFIG"] == "1"


def test_no_round_inherits_the_configuration_of_an_earlier_one(make_context: MakeContext) -> None:
    context = make_context(ref_of("opencode"))
    env = get_toolchain("opencode").invocation(context).env
    directories = [env[f"XDG_{kind}_HOME"] for kind in ("CONFIG", "DATA", "STATE", "CACHE")]
    assert all(each.startswith(f"{context.out}/") for each in directories)


@pytest.mark.parametrize(
    ("name", "model", "provider"),
    [("claude", "house-model", "anthropic"), ("codex", "house-model", "openai"), ("codex", None, "openai")],
)
def test_a_model_of_unknown_make_has_the_programs_usual_provider(
    name: str, model: str | None, provider: str
) -> None:
    assert get_toolchain(name).provider(ref_of(name, model=model)) == provider


DIALECTS = [
    ("openai", "OPENAI_BASE_URL", "OPENAI_API_KEY"),
    ("house", "OPENAI_BASE_URL", "OPENAI_API_KEY"),
    ("anthropic", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"),
    ("gemini", "GOOGLE_GEMINI_BASE_URL", "GEMINI_API_KEY"),
]


@pytest.mark.parametrize(("provider", "url", "key"), DIALECTS)
def test_a_command_with_a_provider_gets_the_door_in_the_variables_of_the_dialect(
    provider: str, url: str, key: str, make_context: MakeContext
) -> None:
    door = ProviderEndpoint(provider, f"{DOOR}/{provider}", TOKEN)
    invocation = invocation_of(make_context, "command", door, provider=provider, network=False)
    assert (invocation.env[url], invocation.env[key]) == (f"{DOOR}/{provider}", TOKEN)
    assert (invocation.secrets, invocation.network) == ((), False)


@pytest.mark.parametrize(("provider", "url", "key"), DIALECTS)
def test_a_command_without_the_gateway_gets_the_configured_url_and_the_real_key(
    provider: str, url: str, key: str, make_context: MakeContext
) -> None:
    own = ProviderEndpoint(provider, "https://own.example.org")
    invocation = invocation_of(make_context, "command", own, provider=provider)
    assert (invocation.env[url], key in invocation.env) == ("https://own.example.org", False)
    assert invocation.secrets == provider_named(provider).keys


def test_a_command_without_a_provider_gets_neither_url_nor_key(make_context: MakeContext) -> None:
    invocation = invocation_of(make_context, "command", None)
    assert not any(name.endswith(("_BASE_URL", "_API_KEY")) for name in invocation.env)
    assert invocation.secrets == ()


def test_opencode_implies_no_provider_of_its_own() -> None:
    assert get_toolchain("opencode").provider(ref_of("opencode", model="house-model")) is None


def test_only_claude_honours_a_limit_of_turns() -> None:
    assert [get_toolchain(name).capability.max_turns for name in PROGRAMS] == [True, False, False]
    assert all(get_toolchain(name).capability.metered for name in PROGRAMS)
