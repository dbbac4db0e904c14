"""Where pi, gemini, qwen and copilot send their calls, with the gateway and without it, and what they are not told."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.round_contexts import round_context
from workers.errors import WorkerError
from workers.gateway.providers import ProviderEndpoint, provider_named
from workers.spec import ToolchainRef
from workers.toolchains.base import Invocation, RoundContext
from workers.toolchains.registry import check_ref, get_toolchain

TOKEN = "token-of-the-door"
DOOR = "http://127.0.0.1:8377"
MODELS = {
    "pi": "anthropic/claude-sonnet-4-5",
    "gemini": "google/gemini-2.5-pro",
    "qwen": "qwen3-coder-plus",
    "copilot": "anthropic/claude-sonnet-4-5",
}
SECRETS = {
    "pi": ("ANTHROPIC_API_KEY",),
    "gemini": ("GEMINI_API_KEY",),
    "qwen": ("DASHSCOPE_API_KEY",),
    "copilot": ("ANTHROPIC_API_KEY",),
}
Start = Callable[..., tuple[RoundContext, Invocation]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """The invocation of a round: behind the gateway, with a base URL of the config, or with nothing."""

    def make(
        name: str, url: str | None = None, *, is_metered: bool = False, **options: Any
    ) -> tuple[RoundContext, Invocation]:
        ref = ToolchainRef(**{"name": name, "model": MODELS[name], **options})
        toolchain = get_toolchain(name)
        provider = provider_named(toolchain.provider(ref) or "")
        endpoint = None
        if is_metered:
            endpoint = ProviderEndpoint(provider.name, f"{DOOR}{provider.mount}", TOKEN)
        elif url is not None:
            endpoint = ProviderEndpoint(provider.name, url)
        context = round_context(tmp_path, ref, prompt="--- mend it", endpoint=endpoint)
        return context, toolchain.invocation(context)

    return make


def everything(context: RoundContext, invocation: Invocation) -> str:
    """Arguments, environment and configuration files."""
    files = [path.read_text() for path in sorted(context.out.rglob("*")) if path.is_file()]
    return "\n".join([*invocation.argv, *(f"{k}={v}" for k, v in invocation.env.items()), *files])


@pytest.mark.parametrize("name", MODELS)
def test_behind_the_gateway_it_has_the_doors_url_and_token_and_nothing_else(name: str, start: Start) -> None:
    context, invocation = start(name, is_metered=True)
    provider = provider_named(get_toolchain(name).provider(context.ref) or "")
    text = everything(context, invocation)
    assert f"{DOOR}{provider.mount}" in text
    assert provider.base_url not in text
    assert TOKEN in invocation.env.values()
    assert TOKEN not in " ".join(invocation.argv)
    assert (invocation.secrets, invocation.network) == ((), False)


@pytest.mark.parametrize("name", MODELS)
def test_without_the_gateway_it_gets_its_secret_by_name_and_the_network(name: str, start: Start) -> None:
    _, invocation = start(name, gateway=False)
    assert (invocation.secrets, invocation.network) == (SECRETS[name], True)


@pytest.mark.parametrize("name", MODELS)
def test_without_the_gateway_the_configs_base_url_holds(name: str, start: Start) -> None:
    context, invocation = start(name, "https://house.example/api", gateway=False)
    assert "https://house.example/api" in everything(context, invocation)
    assert DOOR not in everything(context, invocation)


@pytest.mark.parametrize("name", MODELS)
def test_the_model_is_named_as_its_provider_names_it(name: str, start: Start) -> None:
    _, invocation = start(name, is_metered=True)
    arguments = " ".join(invocation.argv).replace("=", " ")
    assert f"--model {MODELS[name].rpartition('/')[2]}" in arguments


def test_pi_is_given_base_urls_in_its_own_convention(start: Start) -> None:
    def table(model: str) -> dict[str, Any]:
        context, _ = start("pi", is_metered=True, model=model)
        providers: dict[str, Any] = json.loads((context.out / "pi" / "models.json").read_text())["providers"]
        return providers

    assert table("anthropic/claude-sonnet-4-5") == {"anthropic": {"baseUrl": f"{DOOR}/anthropic"}}
    assert table("openai/gpt-5") == {"openai": {"baseUrl": f"{DOOR}/openai/v1"}}
    assert table("gemini-2.5-pro") == {"google": {"baseUrl": f"{DOOR}/gemini/v1beta"}}
    assert table("mistral/devstral") == {"mistral": {"baseUrl": f"{DOOR}/mistral"}}
    assert table("house/m1") == {
        "house": {
            "baseUrl": f"{DOOR}/house/v1",
            "api": "openai-completions",
            "apiKey": "HOUSE_API_KEY",
            "models": [{"id": "m1"}],
        }
    }


def test_pi_loads_no_extension_of_the_repository(start: Start) -> None:
    assert "--no-extensions" in start("pi", is_metered=True)[1].argv


@pytest.mark.parametrize("name", ["gemini", "qwen"])
def test_a_dotenv_file_cannot_redirect_calls(name: str, start: Start) -> None:
    """It sets only what is not set: each of these is."""
    _, invocation = start(name, is_metered=True)
    pinned = {
        "HTTP_PROXY",
        "https_proxy",
        "NODE_OPTIONS",
        "NODE_EXTRA_CA_CERTS",
        "NODE_TLS_REJECT_UNAUTHORIZED",
    }
    url = {"gemini": "GOOGLE_GEMINI_BASE_URL", "qwen": "OPENAI_BASE_URL"}[name]
    assert pinned | {url} <= set(invocation.env)
    assert url in start(name, gateway=False)[1].env


def test_a_proxy_that_the_config_passes_on_stays(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    _, invocation = start("gemini", is_metered=True, env=["HTTP_PROXY"])
    assert invocation.env["HTTP_PROXY"] == "http://proxy.example:3128"


def test_a_program_with_the_network_keeps_its_proxies(start: Start) -> None:
    _, invocation = start("qwen", is_metered=True, network=True)
    assert "HTTPS_PROXY" not in invocation.env
    assert "127.0.0.1" in invocation.env["NO_PROXY"]


def test_qwens_table_of_models_comes_before_the_repositorys(start: Start) -> None:
    context, invocation = start("qwen", is_metered=True)
    path = Path(invocation.env["QWEN_CODE_SYSTEM_SETTINGS_PATH"])
    assert path.is_relative_to(context.out)
    (model,) = json.loads(path.read_text())["modelProviders"]["openai"]
    assert (model["id"], model["baseUrl"]) == ("qwen3-coder-plus", f"{DOOR}/qwen/v1")
    assert invocation.env[model["envKey"]] == TOKEN


def test_limits_of_turns_are_passed_on(start: Start) -> None:
    context, _ = start("gemini", is_metered=True, max_turns=7)
    settings = json.loads((context.out / "gemini" / ".gemini" / "settings.json").read_text())
    assert settings["model"] == {"maxSessionTurns": 7}
    assert "--max-session-turns 7" in " ".join(start("qwen", is_metered=True, max_turns=7)[1].argv)


def test_copilot_calls_the_api_of_its_provider(start: Start) -> None:
    def kind(model: str) -> tuple[str, str]:
        env = start("copilot", is_metered=True, model=model)[1].env
        return env["COPILOT_PROVIDER_TYPE"], env["COPILOT_PROVIDER_WIRE_API"]

    assert kind("claude-sonnet-4-5") == ("anthropic", "completions")
    assert kind("gpt-5") == ("openai", "responses")
    assert kind("deepseek/deepseek-chat") == ("openai", "completions")


def test_copilot_reads_the_secret_by_a_command(start: Start) -> None:
    _, invocation = start("copilot", gateway=False)
    assert invocation.env["COPILOT_PROVIDER_API_KEY_COMMAND"] == 'printf %s "$ANTHROPIC_API_KEY"'
    assert "COPILOT_PROVIDER_API_KEY" not in invocation.env


@pytest.mark.parametrize("name", MODELS)
def test_settings_are_of_this_round_alone(name: str, start: Start) -> None:
    context, invocation = start(name, is_metered=True)
    other = dataclasses.replace(context, out=context.out / "second")
    other.out.mkdir()
    paths = [value for value in invocation.env.values() if value.startswith(str(context.out))]
    assert paths
    assert not set(paths) & set(get_toolchain(name).invocation(other).env.values())


@pytest.mark.parametrize(
    ("ref", "words"),
    [
        ({"name": "pi", "model": "gpt-5", "max_turns": 3}, "max_turns cannot be honoured"),
        ({"name": "copilot", "model": "gpt-5", "max_turns": 3}, "max_turns cannot be honoured"),
        ({"name": "gemini", "model": "gpt-5"}, "provider openai has the dialect openai"),
        ({"name": "qwen", "model": "claude-sonnet-4-5"}, "provider anthropic has the dialect anthropic"),
        ({"name": "copilot", "model": "gemini-2.5-pro"}, "provider gemini has the dialect gemini"),
        ({"name": "copilot"}, "neither its model nor `provider` names a model provider"),
    ],
)
def test_what_it_cannot_honour_is_refused(ref: dict[str, Any], words: str) -> None:
    with pytest.raises(WorkerError, match=words):
        check_ref(ToolchainRef(**ref))
