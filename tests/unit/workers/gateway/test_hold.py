"""A hold covers whatever the call may cost, and never exceeds what is available."""

from hypothesis import given
from hypothesis import strategies as st

from workers.gateway.hold import hold
from workers.prices.table import price_of
from workers.prices.tokens import Tokens

MODELS = ("claude-sonnet-4-5", "gpt-5-mini", "gemini-2.5-pro")
counts = st.integers(0, 400_000)


@given(
    st.sampled_from(MODELS),
    counts,
    st.integers(1, 128_000),
    st.integers(0, 10**7),
    st.integers(1, 4),
    st.data(),
)
def test_no_usage_within_the_bounds_costs_more_than_the_hold(
    model: str, given_tokens: int, wanted: int, available: int, answers: int, data: st.DataObject
) -> None:
    rate = price_of(model)
    taken = hold(rate.cost, given_tokens, wanted, available, answers=answers)
    assert taken.output_limit <= wanted
    if taken.output_limit == 0:
        return
    assert taken.micro_usd <= available
    cached = data.draw(st.integers(0, given_tokens))
    written = data.draw(st.integers(0, given_tokens - cached))
    output = data.draw(st.integers(0, taken.output_limit * answers))
    used = Tokens(given_tokens - cached - written, cached, written, output)
    assert rate.cost(used) <= taken.micro_usd


@given(st.sampled_from(MODELS), counts, st.integers(1, 128_000), st.integers(0, 10**7))
def test_the_limit_is_the_largest_that_is_affordable(
    model: str, given_tokens: int, wanted: int, available: int
) -> None:
    rate = price_of(model)
    taken = hold(rate.cost, given_tokens, wanted, available)
    if taken.output_limit < wanted:
        # One micro-dollar of rounding is left aside at most.
        more = max(
            rate.cost(Tokens(given_tokens, output=taken.output_limit + 2)),
            rate.cost(Tokens(cache_write=given_tokens, output=taken.output_limit + 2)),
        )
        assert more > available - 1


def test_a_cache_of_an_hour_is_held_at_its_dearer_writes() -> None:
    rate = price_of("claude-sonnet-4-5")
    short = hold(rate.cost, 100_000, 0, 10**9)
    long = hold(rate.cost, 100_000, 0, 10**9, long_cache=True)
    assert long.micro_usd == rate.cost(Tokens(cache_write_1h=100_000)) > short.micro_usd
