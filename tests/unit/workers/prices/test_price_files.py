"""Price files: what a user's own changes, and how a broken one is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workers.errors import WorkerError
from workers.prices.table import price, price_of
from workers.prices.tokens import Tokens
from workers.spec import ToolchainRef
from workers.toolchains.registry import check_ref

MILLION = 1_000_000
Write = Callable[[dict[str, Any]], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Make a price file of these models the user's own."""

    def write(models: dict[str, Any]) -> None:
        file = tmp_path / "prices.json"
        file.write_text(json.dumps({"as_of": "2026-11-20", "models": models}))
        monkeypatch.setenv("BENCH_PRICES", str(file))

    return write


def test_a_users_price_file_comes_first(write: Write) -> None:
    write({"gpt-5": {"input": 1, "output": 2}, "house/*": {"input": 7, "output": 7}})
    assert price("gpt-5", Tokens(output=MILLION)) == 2_000_000
    assert price("openai/gpt-5-2026-01-01", Tokens(output=MILLION)) == 2_000_000
    assert price("house/any", Tokens(input=MILLION)) == 7_000_000
    assert price("any", Tokens(input=MILLION), "house") == 7_000_000
    assert price("o3", Tokens(input=MILLION)) == 2_000_000
    assert price("ollama/any", Tokens(input=MILLION)) == 0


def test_prices_with_a_provider_are_before_those_without(write: Write) -> None:
    write({"gpt-5": {"input": 1, "output": 1}, "house/gpt-5": {"input": 9, "output": 9}})
    assert price("gpt-5", Tokens(input=MILLION), "house") == 9_000_000
    assert price("gpt-5", Tokens(input=MILLION), "openai") == 1_000_000


def test_missing_cache_prices_are_those_of_the_input(write: Write) -> None:
    write({"plain": {"input": 4, "output": 8}, "cache": {"input": 4, "output": 8, "cache_write": 5}})
    assert price("plain", Tokens(cached=1, cache_write=1, cache_write_1h=1)) == 12
    assert price("cache", Tokens(cached=1, cache_write=1, cache_write_1h=1)) == 14


def test_long_contexts_hour_caches_and_output_limits_can_be_given(write: Write) -> None:
    long = {"above": 1000, "input": 2, "output": 4, "cached_input": 0.5}
    write({"m": {"input": 1, "output": 2, "cache_write_1h": 3, "max_output": 9000, "tiers": [long]}})
    assert price("m", Tokens(input=1000, output=1)) == 1002
    assert price("m", Tokens(input=1000, cached=1, output=1)) == 2005
    assert price("m", Tokens(cache_write_1h=10)) == 30
    rate = price_of("m")
    assert rate is not None
    assert (rate.max_output, int(rate.input_ceiling()), int(rate.output_ceiling())) == (9000, 3, 4)


def test_decimals_of_a_file_are_exact(write: Write) -> None:
    write({"m": {"input": 0.1, "output": 0.2}})
    assert price("m", Tokens(input=10, output=10)) == 3


BROKEN = {
    "missing": None,
    "no JSON": "{",
    "no date": '{"models": {}}',
    "negative": '{"as_of": "x", "models": {"m": {"input": -1, "output": 1}}}',
    "not a number": '{"as_of": "x", "models": {"m": {"input": NaN, "output": 1}}}',
    "infinite": '{"as_of": "x", "models": {"m": {"input": Infinity, "output": 1}}}',
    "unknown key": '{"as_of": "x", "models": {"m": {"input": 1, "output": 1, "reasoning": 1}}}',
    "no output limit": '{"as_of": "x", "models": {"m": {"input": 1, "output": 1, "max_output": 0}}}',
    "tiers in disorder": '{"as_of": "x", "models": {"m": {"input": 1, "output": 1, "tiers": ['
    '{"above": 9, "input": 1, "output": 1}, {"above": 8, "input": 1, "output": 1}]}}}',
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
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


def test_a_relative_path_is_refused_although_it_leads_to_a_file_here(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write({})
    monkeypatch.chdir(tmp_path)
    check_ref(ToolchainRef(name="codex", model="gpt-5"))
    monkeypatch.setenv("BENCH_PRICES", "prices.json")
    with pytest.raises(WorkerError, match="BENCH_PRICES is not an absolute path; give the whole path"):
        check_ref(ToolchainRef(name="codex", model="gpt-5"))


def test_a_file_without_a_date_is_refused_with_what_to_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "prices.json"
    file.write_text(BROKEN["no date"] or "")
    monkeypatch.setenv("BENCH_PRICES", str(file))
    with pytest.raises(WorkerError, match="as_of: give the date of the prices"):
        check_ref(ToolchainRef(name="codex", model="gpt-5"))
