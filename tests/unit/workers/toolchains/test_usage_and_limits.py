"""Money limits as decimals, and usage whose cost is reported, priced or unknown."""

from hypothesis import given
from hypothesis import strategies as st

from workers.prices.tokens import Tokens
from workers.toolchains.program import Usage, decimal_usd
from workers.untrusted import micro


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
