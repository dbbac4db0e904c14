"""Access to a provider for programs that use LiteLLM: aider and mini-swe-agent."""

import json
from pathlib import Path

import pytest

from tests.fixtures.round_contexts import round_context
from workers.spec import ToolchainRef
from workers.toolchains.base import ProviderEndpoint, RoundContext
from workers.toolchains.litellm_client import litellm_client
from workers.toolchains.registry import get_toolchain

DOOR = "http://127.0.0.1:8377"
NAMES = ("aider", "mini-swe-agent")


def context(folder: Path, ref: ToolchainRef, endpoint: ProviderEndpoint | None) -> RoundContext:
    return round_context(folder, ref, prompt="Repair it.", endpoint=endpoint)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("model", "mount", "url", "key", "base"),
    [
        ("openai/gpt-5-mini", "/openai/v1", "OPENAI_API_BASE", "OPENAI_API_KEY", "/openai/v1"),
        ("gpt-5-mini", "/openai/v1", "OPENAI_BASE_URL", "OPENAI_API_KEY", "/openai/v1"),
        ("anthropic/claude-haiku-4-5", "/anthropic", "ANTHROPIC_API_BASE", "ANTHROPIC_API_KEY", "/anthropic"),
        ("deepseek/deepseek-chat", "/deepseek/v1", "DEEPSEEK_API_BASE", "DEEPSEEK_API_KEY", "/deepseek/v1"),
        ("gemini/gemini-2.5-pro", "/gemini", "GEMINI_API_BASE", "GEMINI_API_KEY", "/gemini/v1beta"),
        # Of another provider with OpenAI's format: the prefix decides.
        ("openai/acme-large", "/acme/v1", "OPENAI_API_BASE", "OPENAI_API_KEY", "/acme/v1"),
    ],
)
def test_behind_the_gateway_a_program_gets_the_door_and_neither_secret_nor_network(
    name: str, model: str, mount: str, url: str, key: str, base: str, tmp_path: Path
) -> None:
    endpoint = ProviderEndpoint(mount.split("/")[1], DOOR + mount, "token")
    ref = ToolchainRef(name=name, model=model)
    invocation = get_toolchain(name).invocation(context(tmp_path, ref, endpoint))
    assert (invocation.env[url], invocation.env[key]) == (DOOR + base, "token")
    assert (invocation.secrets, invocation.network) == ((), False)


@pytest.mark.parametrize("name", NAMES)
def test_without_the_gateway_a_program_gets_its_secret_its_network_and_the_base_url(
    name: str, tmp_path: Path
) -> None:
    endpoint = ProviderEndpoint("openai", "https://proxy.example/v1")
    ref = ToolchainRef(name=name, model="openai/gpt-5-mini")
    invocation = get_toolchain(name).invocation(context(tmp_path, ref, endpoint))
    assert invocation.env["OPENAI_API_BASE"] == "https://proxy.example/v1"
    assert "OPENAI_API_KEY" not in invocation.env
    assert (invocation.secrets, invocation.network) == (("OPENAI_API_KEY",), True)


def test_without_any_endpoint_the_base_url_is_the_providers_own(tmp_path: Path) -> None:
    client = litellm_client(context(tmp_path, ToolchainRef(name="aider", model="claude-haiku-4-5"), None))
    assert client.base_url == "https://api.anthropic.com"
    assert client.reach.secrets == ("ANTHROPIC_API_KEY",)
    assert not client.reach.env


def test_a_base_url_that_the_user_passes_on_is_not_replaced(tmp_path: Path) -> None:
    ref = ToolchainRef(name="aider", model="openai/gpt-5-mini", env=["OPENAI_API_BASE"])
    assert litellm_client(context(tmp_path, ref, None)).base_url is None


def test_aider_gives_base_url_and_token_with_each_call_and_repeats_nothing_unseen(tmp_path: Path) -> None:
    endpoint = ProviderEndpoint("openai", f"{DOOR}/openai/v1", "token")
    ref = ToolchainRef(name="aider", model="openai/gpt-5-mini")
    argv = get_toolchain("aider").invocation(context(tmp_path, ref, endpoint)).argv
    settings = json.loads(Path(argv[argv.index("--model-settings-file") + 1]).read_text())
    assert settings == [
        {
            "name": "aider/extra_params",
            "extra_params": {"max_retries": 0, "api_base": f"{DOOR}/openai/v1", "api_key": "token"},
        }
    ]


def test_mini_tries_a_call_once_and_logs_what_its_client_repeats(tmp_path: Path) -> None:
    ref = ToolchainRef(name="mini-swe-agent", model="openai/gpt-5-mini")
    env = get_toolchain("mini-swe-agent").invocation(context(tmp_path, ref, None)).env
    assert env["MSWEA_MODEL_RETRY_STOP_AFTER_ATTEMPT"] == "1"
    assert env["OPENAI_LOG"] == "info"
    # Its own limit needs a known price where no gateway stops it.
    assert "MSWEA_COST_TRACKING" not in env
