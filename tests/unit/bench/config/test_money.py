"""Dollars in, micro-dollars kept."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.config.errors import ConfigError
from bench.config.money import format_usd, to_micro_usd


@pytest.mark.parametrize(
    ("dollars", "micro"),
    [
        (0, 0),
        (20, 20_000_000),
        (0.1, 100_000),
        ("0.000001", 1),
        ("0.0000005", 1),
        (1.15, 1_150_000),
        (1e-7, 0),
    ],
)
def test_amounts_are_taken_as_they_are_written(dollars: float | str, micro: int) -> None:
    assert to_micro_usd(dollars) == micro


@given(st.integers(0, 10**15))
def test_every_micro_dollar_survives_being_written_as_dollars(micro: int) -> None:
    assert to_micro_usd(str(Decimal(micro) / 1_000_000)) == micro


@given(st.integers(0, 10**9))
def test_six_digits_survive_binary_floats(micro: int) -> None:
    assert to_micro_usd(micro / 1_000_000) == micro


@pytest.mark.parametrize("text", ["five", "", "-1", "nan", "inf", "1e999999999", "1e10", True])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="not an amount of dollars"):
        to_micro_usd(text)


@pytest.mark.parametrize(
    ("micro", "text"), [(None, "–"), (0, "$0.00"), (1_234_500_000, "$1,234.50"), (12_300, "$0.0123")]
)
def test_dollars_for_people(micro: int | None, text: str) -> None:
    assert format_usd(micro) == text
