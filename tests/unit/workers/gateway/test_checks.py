"""What is refused before a candidate of a model-driven program starts: provider, price, key and variables."""

import json
from pathlib import Path
from typing import Any

import pytest

from workers.gateway.checks import address_refusal, refusal_of, unmetered_lines
from workers.prices.table import price_of
from workers.spec import ToolchainRef
from workers.toolchains.registry import get_toolchain

_KEYS = {"ANTHROPIC_API_KEY", "OPENAI_API_KEY"}


def _refusal(keys: set[str] | None = _KEYS, **options: Any) -> str | None:
    ref = ToolchainRef(**options)
    return refusal_of(ref, get_toolchain(ref.name), keys)


@pytest.mark.parametrize(
    "options",
    [
        {"name": "claude", "model": "claude-sonnet-4-5"},
        {"name": "claude", "model": "claude-sonnet-4-5[1m]"},
        {"name": "claude", "model": "sonnet"},
        {"name": "codex", "model": "gpt-5", "env": ["HTTPS_PROXY"]},
        {"name": "aider", "model": "openai/gpt-5"},
        {"name": "repair"},
        {"name": "command", "argv": ["agent"], "network": True},
        {"name": "command", "argv": ["agent"], "provider": "openai"},
        {"name": "aider", "model": "house/m-1", "gateway": False, "env": ["HOUSE_TOKEN"]},
    ],
)
def test_what_is_complete_is_not_refused(options: dict[str, Any]) -> None:
    assert _refusal(**options) is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "aider", "model": "house/m-1"}, "toolchain aider: provider house is not known"),
        ({"name": "claude", "model": "claude-next-9"}, "model claude-next-9 has no price"),
        (
            {"name": "codex", "model": "no-such-model", "provider": "openai"},
            "model no-such-model has no price",
        ),
        ({"name": "aider", "model": "gemini/gemini-2.5-pro"}, "no key for gemini: export GEMINI_API_KEY or"),
        (
            {"name": "claude", "env": ["ANTHROPIC_API_KEY"]},
            "ANTHROPIC_API_KEY is a provider key that the gateway",
        ),
        ({"name": "command", "argv": ["a"], "env": ["OPENAI_API_KEY_FILE"]}, "take it out of env"),
        (
            {"name": "command", "argv": ["a"], "provider": "house", "env": ["HOUSE_API_KEY"]},
            "HOUSE_API_KEY is a provider key",
        ),
    ],
)
def test_what_cannot_be_metered_is_one_line_with_the_remedy(options: dict[str, Any], words: str) -> None:
    line = _refusal(**options) or ""
    assert words in line
    assert line.startswith(f"toolchain {options['name']}: ")
    assert "\n" not in line


def test_keys_of_a_fleets_machines_are_not_known_here() -> None:
    assert _refusal(set(), name="codex", provider="openai") is not None
    assert _refusal(None, name="codex", provider="openai") is None


@pytest.mark.parametrize("model", ["house/m-1", "openai/m-1"])
def test_a_price_that_the_line_asks_for_is_enough(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base_url = "http://llm.example.org/v1"
    options = {"name": "aider", "model": model, "provider": "house", "base_url": base_url}
    line = _refusal({"HOUSE_API_KEY"}, **options) or ""
    example, _ = json.JSONDecoder().raw_decode(line[line.index("{") :])
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps(example))
    monkeypatch.setenv("BENCH_PRICES", str(prices))
    assert _refusal({"HOUSE_API_KEY"}, **options) is None
    assert price_of("m-1", "house") is not None, "the door prices the model by the name in the call"
    assert line.endswith("; or correct its name")


def test_without_the_gateway_one_line_names_what_is_lost() -> None:
    refs = [
        ToolchainRef(name="claude", gateway=False, model="sonnet"),
        ToolchainRef(name="claude", gateway=False, model="opus"),
        ToolchainRef(name="codex"),
        ToolchainRef(name="repair", gateway=False),
    ]
    (line,) = unmetered_lines((ref, get_toolchain(ref.name)) for ref in refs)
    assert line.startswith("claude: gateway off: the program's own figures are the only ones")
    # The program then gets the key itself, so that it may also be named.
    assert _refusal(name="claude", model="opus", gateway=False, env=["ANTHROPIC_API_KEY"]) is None
    assert "no key for openai" in (_refusal(set(), name="codex", model="gpt-5", gateway=False) or "")


def test_a_program_that_gets_a_key_by_env_without_the_gateway_is_named_too() -> None:
    ref = ToolchainRef(name="command", argv=["agent"], gateway=False, env=["OPENAI_API_KEY"])
    (line,) = unmetered_lines([(ref, get_toolchain(ref.name))])
    assert line.startswith("command: gateway off: ")
    plain = ref.model_copy(update={"env": ["LANG"]})
    assert unmetered_lines([(plain, get_toolchain(ref.name))]) == []


def _address_refusal(*changes: dict[str, Any]) -> str | None:
    refs = [ToolchainRef(**{"name": "aider", "model": "openai/gpt-5", **change}) for change in changes]
    return address_refusal((ref, get_toolchain(ref.name)) for ref in refs)


def test_two_base_urls_of_a_provider_in_one_workcell_are_refused() -> None:
    other = {"base_url": "https://llm.example.org/v1"}
    line = _address_refusal({}, other) or ""
    assert line.startswith("toolchain aider: provider openai has two base URLs in one workcell; ")
    assert "two configs" in line
    assert "`provider` name of its own" in line
    assert _address_refusal(other, {"name": "codex", **other}) is None
    assert _address_refusal({}, {**other, "provider": "house"}) is None
    assert _address_refusal({}, {**other, "gateway": False}) is None
    assert _address_refusal({"name": "repair", "model": None}) is None
