"""Authorization hold of one call: what it may cost at most, and the output limit that keeps it affordable. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from workers.prices.tokens import Tokens

MILLION: Final = 1_000_000
COMFORTABLE_OUTPUT: Final = 8_192
"""A call with a lower limit waits while calls of its candidate run, whose holds may free money."""
Pricing = Callable[[Tokens], int]
"""Micro-dollars, rounded up, of one call's tokens."""


@dataclass(frozen=True)
class Hold:
    """Money set aside for one call."""

    micro_usd: int
    output_limit: int
    """Tokens, in each of its answers."""
    input_tokens: int
    """What its input has at most."""
    is_clamped: bool = False
    """Whether the output limit is lower than what was wanted."""


def hold(
    price: Pricing,
    input_tokens: int,
    wanted_output: int,
    available: int,
    *,
    answers: int = 1,
    long_cache: bool = False,
) -> Hold:
    """The hold of a call with at most `input_tokens`; its output limit is clamped to what is available.

    The input is priced at its dearest: fresh, or written to a cache. The limit is 0 where not even the input fits.
    """
    kinds = [Tokens(input=input_tokens), Tokens(cache_write=input_tokens)]
    if long_cache:
        kinds.append(Tokens(cache_write_1h=input_tokens))
    dearest = max(kinds, key=price)
    given = price(dearest)
    # At these input tokens: a context tier makes the output dearer, too.
    rate = price(dearest + Tokens(output=MILLION)) - given
    affordable = max(0, available - given) * MILLION // max(1, rate * answers)
    limit = min(wanted_output, affordable)
    cost = price(dearest + Tokens(output=limit * answers))
    if limit and cost > available:  # prices are rounded up
        limit -= 1
        cost = price(dearest + Tokens(output=limit * answers))
    return Hold(cost, limit, input_tokens, limit < wanted_output)
