"""Settlement of one ended call: what its response shows that it cost, or at most cost. Pure."""

from dataclasses import dataclass

from workers.gateway.hold import Hold, Pricing
from workers.gateway.usage import UsageTally
from workers.prices.tokens import Tokens


@dataclass(frozen=True)
class Charge:
    """What one call is charged."""

    micro_usd: int
    tokens: Tokens | None
    is_bound: bool = False
    """Whether it may have cost less: its usage is missing, or its stream was cut."""


def charge(tally: UsageTally, taken: Hold, pricing: Pricing, *, is_cut: bool, answers: int = 1) -> Charge:
    """The charge of a call.

    A whole response costs its usage. Without usage it costs the whole hold; a cut stream costs its input, or what is
    held for that, and all of the output that was held.
    """
    tokens = tally.tokens
    if tokens is None or tokens.total_in == 0:  # no call is without input: its usage is not reported
        return Charge(taken.micro_usd, None, is_bound=True)
    if not is_cut:
        return Charge(pricing(tokens), tokens)
    ceiling = Tokens(
        tokens.input,
        tokens.cached,
        tokens.cache_write,
        max(tokens.output, taken.output_limit * answers),
        tokens.cache_write_1h,
    )
    return Charge(pricing(ceiling), tokens, is_bound=True)
