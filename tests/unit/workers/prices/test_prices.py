"""Prices: what is known by which names, what is not, context tiers, and the ceilings of a hold."""

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.prices import published
from workers.prices.max_output import max_output
from workers.prices.rate import Rate
from workers.prices.table import price, price_of, price_sum
from workers.prices.tokens import Tokens, highest

K = 1000
MILLION = 1_000_000
COUNTS = st.integers(0, 10 * MILLION)
TOKENS = st.builds(Tokens, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)


def rate_of(model: str, provider: str | None = None) -> Rate:
    rate = price_of(model, provider)
    assert rate is not None
    return rate


def test_each_kind_of_token_has_its_own_price() -> None:
    assert price("claude-sonnet-5", Tokens(input=MILLION)) == 2_000_000
    assert price("claude-sonnet-5", Tokens(cached=MILLION)) == 200_000
    assert price("claude-sonnet-5", Tokens(cache_write=MILLION)) == 2_500_000
    assert price("claude-sonnet-5", Tokens(cache_write_1h=MILLION)) == 4_000_000
    assert price("claude-sonnet-5", Tokens(output=MILLION)) == 10_000_000
    assert price("o3", Tokens(cache_write=MILLION)) == 2_000_000
    assert price("o3", Tokens(cache_write_1h=MILLION)) == 2_000_000


SESSION = Tokens(input=1200, cached=20_000, cache_write=3000, output=350)
SERVED = {
    ("claude-sonnet-4-5", SESSION): 26_100,
    ("claude-sonnet-4-5", Tokens(input=100_000, output=4000)): 360_000,
    ("claude-haiku-4-5-20251001", Tokens(input=90, output=12)): 150,
    ("gpt-5-mini", SESSION): 2250,
    ("gpt-5-mini", Tokens(input=100_000, output=4000)): 33_000,
    ("gpt-5.2-codex", SESSION): 15_750,
    ("gpt-5.2-codex", Tokens(input=100_000, output=4000)): 231_000,
    ("gemini-2.5-pro", SESSION): 11_250,
}


@pytest.mark.parametrize(("model", "tokens"), SERVED)
def test_the_price_of_a_recorded_call_is_what_its_server_charged(model: str, tokens: Tokens) -> None:
    assert price(model, tokens) == SERVED[model, tokens]


@pytest.mark.parametrize(
    "name",
    [
        "claude-sonnet-5",
        "anthropic/claude-sonnet-5",
        "openrouter/anthropic/claude-sonnet-5",
        "claude-sonnet-5-20260630",
        "Claude-Sonnet-5-latest",
        "vertex_ai/claude-sonnet-5@20260630",
        "openai/claude-sonnet-5",
        "my-proxy/claude-sonnet-5",
    ],
)
def test_a_model_is_known_by_all_its_names(name: str) -> None:
    assert price(name, Tokens(input=MILLION)) == 2_000_000


LATER = ["gpt-5-nano-plus", "gemini-2.5-pro-ultra", "deepseek-chat-house", "claude-sonnet-4-5-large"]
"""Names that begin like a known model's."""


@pytest.mark.parametrize(
    "name", [None, "", " ", "claude-next-9", "anthropic/", "sonnet", "*", "gpt-", "/", *LATER]
)
def test_an_unknown_model_has_an_unknown_price(name: str | None) -> None:
    assert price(name, Tokens(input=1)) is None
    assert price(name, Tokens(input=1), "anthropic") is None


def test_a_provider_has_prices_of_its_own() -> None:
    llama = "llama-3.3-70b-versatile"
    assert rate_of(llama, "groq") == rate_of(f"groq/{llama}")
    assert price("gemini-2.5-pro", Tokens(input=1000), "gemini") == 1250
    assert price("gemini/gemini-2.5-pro", Tokens(input=1000), "gemini") == 1250
    assert price("grok-4", Tokens(input=1000), "xai") == price("x-ai/grok-4", Tokens(input=1000))
    assert price("gpt-5", Tokens(input=1000), "groq") is None
    assert price("openai/gpt-5", Tokens(input=1000), "groq") is None


def test_a_model_of_ones_own_machine_costs_nothing() -> None:
    assert price("ollama/qwen3:32b", Tokens(input=MILLION, output=MILLION)) == 0
    assert price("qwen3:32b", Tokens(input=MILLION, output=MILLION), "ollama") == 0


def test_an_override_is_for_its_provider_alone() -> None:
    own = Decimal("0.28")
    assert [rate_of(name).tiers[0].input for name in ("deepseek-chat", "deepseek/deepseek-chat")] == [
        own,
        own,
    ]
    assert rate_of("deepseek-chat", "deepseek").tiers[0].input == own
    assert rate_of("openrouter/deepseek/deepseek-chat").tiers[0].input != own


def test_any_token_that_has_a_price_costs_at_least_a_micro_dollar() -> None:
    assert price("gpt-5-nano", Tokens(cached=1)) == 1


def test_a_long_context_makes_all_tokens_of_its_call_dearer() -> None:
    assert price("claude-sonnet-4-5", Tokens(input=200 * K, output=K)) == 615_000
    assert price("claude-sonnet-4-5", Tokens(input=200 * K, cached=1, output=K)) == 1_222_501
    assert price("gpt-5.4", Tokens(input=272 * K)) == 680_000
    assert price("gpt-5.4", Tokens(input=272 * K + 1)) == 1_360_005


def test_the_sum_of_many_calls_is_priced_at_the_base_tier() -> None:
    assert price_sum("claude-sonnet-4-5", Tokens(input=MILLION)) == 3_000_000
    assert price_sum("claude-next-9", Tokens(input=MILLION)) is None


def test_prices_by_the_hour_are_those_of_the_moment_and_a_hold_covers_all_of_them() -> None:
    night, peak = (
        published.rate("deepseek-v4-pro", "deepseek", datetime(2026, 11, 30, hour, tzinfo=UTC))
        for hour in (20, 2)
    )
    assert night is not None
    assert peak is not None
    assert peak.tiers[0].input == 2 * night.tiers[0].input
    assert night.input_ceiling() == peak.input_ceiling() == peak.tiers[0].input
    assert night.output_ceiling() == peak.tiers[0].output


def test_the_ceilings_are_the_dearest_of_any_tier_that_a_call_can_reach() -> None:
    rate = rate_of("claude-sonnet-4-5")
    assert (rate.input_ceiling(), rate.output_ceiling()) == (Decimal(12), Decimal("22.5"))
    assert rate.input_ceiling(has_1h_cache=False) == Decimal("7.5")
    assert rate.input_ceiling(200_000, has_1h_cache=False) == Decimal("3.75")
    assert rate.input_ceiling(200_001, has_1h_cache=False) == Decimal("7.5")
    assert rate.output_ceiling(200_000) == 15


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "gpt-5.6", "gemini-2.5-pro", "deepseek-v4-pro", "o3"])
@given(tokens=TOKENS)
def test_no_call_costs_more_than_its_ceilings(model: str, tokens: Tokens) -> None:
    rate = rate_of(model)
    for up_to in (None, tokens.total_in):
        ceiling = tokens.total_in * rate.input_ceiling(up_to) + tokens.output * rate.output_ceiling(up_to)
        assert rate.cost(tokens) < ceiling + 1


@given(TOKENS, TOKENS)
def test_tokens_add_and_rise_by_kind(first: Tokens, second: Tokens) -> None:
    assert (first + second).total_in == first.total_in + second.total_in
    assert highest(first, None) == highest(None, first) == first
    both = highest(first, second)
    assert both is not None
    assert both.cache_write_1h == max(first.cache_write_1h, second.cache_write_1h)


OUTPUT_LIMITS = {
    "claude-3-haiku-20240307": 4096,
    "anthropic/claude-3-5-sonnet-20241022": 8192,
    "us.anthropic.claude-3-haiku-20240307-v1:0": 4096,
    "claude-sonnet-4-5": 32_000,
    "claude-opus-4-20250514": 32_000,
    "gpt-4o": 16_384,
    "gpt-4o-2024-05-13": 4096,
    "openai/gpt-4o-mini": 16_384,
    "gpt-4.1": 32_000,
    "gpt-4": 4096,
    "gpt-5": 32_000,
    "gpt-5-chat-latest": 16_384,
    "deepseek-chat": 8192,
    "deepseek-reasoner": 32_000,
    "gemini-2.0-flash": 8192,
    "gemini-2.5-pro": 32_000,
}


@pytest.mark.parametrize("model", OUTPUT_LIMITS)
def test_the_output_limit_is_one_that_the_model_accepts(model: str) -> None:
    assert max_output(model) == OUTPUT_LIMITS[model]


def test_the_limit_comes_with_the_rate() -> None:
    assert rate_of("gpt-4o").max_output == 16_384
    assert rate_of("deepseek-chat").max_output == 8192
    assert rate_of("claude-sonnet-5").max_output == 32_000


def test_the_published_table_is_loaded_by_the_first_lookup_and_not_before() -> None:
    code = """
import sys
import workers.toolchains.registry, workers.prices.table
from workers.prices.tokens import Tokens
assert "genai_prices" not in sys.modules
assert workers.prices.table.price("ollama/any", Tokens(input=1)) == 0
assert "genai_prices" not in sys.modules
assert workers.prices.table.price("gpt-5", Tokens(input=4)) == 5
assert "genai_prices" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
