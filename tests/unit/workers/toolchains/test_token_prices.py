"""Prices: what is known, what is not, and what a user's own file changes."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.errors import WorkerError
from workers.spec import ToolchainRef
from workers.toolchains.pricing import Tokens, price
from workers.toolchains.program import Usage, decimal_usd
from workers.toolchains.registry import check_ref
from workers.toolchains.untrusted import micro

MILLION = 1_000_000


def test_each_kind_of_token_has_its_own_price() -> None:
    assert price("claude-sonnet-4-5", Tokens(input=MILLION)) == 3_000_000
    assert price("claude-sonnet-4-5", Tokens(cached=MILLION)) == 300_000
    assert price("claude-sonnet-4-5", Tokens(cache_write=MILLION)) == 3_750_000
    assert price("claude-sonnet-4-5", Tokens(output=MILLION)) == 15_000_000
    assert price("o3", Tokens(cache_write=MILLION)) == 2_000_000


@pytest.mark.parametrize(
    "name",
    [
        "anthropic/claude-sonnet-4-5",
        "openrouter/anthropic/claude-sonnet-4-5",
        "claude-sonnet-4-5-20250929",
        "Claude-Sonnet-4-5-latest",
        "vertex_ai/claude-sonnet-4-5@20250929",
    ],
)
def test_a_model_is_known_by_all_its_names(name: str) -> None:
    assert price(name, Tokens(input=MILLION)) == 3_000_000


@pytest.mark.parametrize("name", [None, "", "claude-next-9", "anthropic/", "sonnet", "*"])
def test_an_unknown_model_has_an_unknown_price(name: str | None) -> None:
    assert price(name, Tokens(input=1)) is None


def test_a_model_of_ones_own_machine_costs_nothing() -> None:
    assert price("ollama/qwen3:32b", Tokens(input=MILLION, output=MILLION)) == 0


def test_any_token_that_has_a_price_costs_at_least_a_micro_dollar() -> None:
    assert price("gpt-5-nano", Tokens(cached=1)) == 1


def test_a_users_price_file_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "prices.json"
    models = {"gpt-5": {"input": 1, "output": 2}, "house/*": {"input": 7, "output": 7}}
    file.write_text(json.dumps({"as_of": "2026-11-20", "models": models}))
    monkeypatch.setenv("BENCH_PRICES", str(file))
    assert price("gpt-5", Tokens(output=MILLION)) == 2_000_000
    assert price("house/any", Tokens(input=MILLION)) == 7_000_000
    assert price("o3", Tokens(input=MILLION)) == 2_000_000


@pytest.mark.parametrize(
    "text", [None, "{", '{"models": {}}', '{"as_of": "x", "models": {"m": {"input": -1, "output": 1}}}']
)
def test_a_broken_price_file_is_refused_ahead_and_breaks_no_report(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "prices.json"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv("BENCH_PRICES", str(file))
    with pytest.raises(WorkerError, match=r"price file .*prices\.json") as refused:
        check_ref(ToolchainRef(name="codex", model="gpt-5"))
    assert "\n" not in str(refused.value)
    assert price("gpt-5", Tokens(input=1)) is None
    check_ref(ToolchainRef(name="repair"))


@given(st.integers(0, 10**13))
def test_limits_are_plain_decimals_that_lose_nothing_and_are_never_zero(amount: int) -> None:
    text = decimal_usd(amount)
    assert set(text) <= set("0123456789.")
    assert float(text) > 0
    assert micro(float(text)) in (max(amount, 1), max(amount, 1) + (amount > 2**43))


def test_a_zero_beside_tokens_is_no_cost() -> None:
    assert Usage(usd=0.0, tokens=Tokens(input=5)).reported is None
    assert Usage(usd=0.0, tokens=Tokens()).reported == 0
    assert Usage(usd=None, priced=9, tokens=Tokens(input=5)).spent == 9
    assert Usage(usd=0.5, priced=9).spent == 500_000
