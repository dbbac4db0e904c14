"""Rate of a model: prices per million tokens by context tier, and the ceilings that a hold is computed from."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from workers.prices.tokens import Tokens

DEFAULT_MAX_OUTPUT = 32_000


@dataclass(frozen=True)
class Tier:
    """Prices of a call whose input has more than `above` tokens, in US dollars per million tokens.

    Dollars per million tokens times tokens are micro-dollars.
    """

    above: int
    input: Decimal
    cached: Decimal
    cache_write: Decimal
    cache_write_1h: Decimal
    output: Decimal

    def cost(self, tokens: Tokens) -> int:
        """Micro-dollars, rounded up."""
        return math.ceil(
            tokens.input * self.input
            + tokens.cached * self.cached
            + tokens.cache_write * self.cache_write
            + tokens.cache_write_1h * self.cache_write_1h
            + tokens.output * self.output
        )

    @property
    def dearest_input(self) -> Decimal:
        return max(self.input, self.cached, self.cache_write)


def tier(
    above: int,
    given: Decimal,
    output: Decimal,
    cached: Decimal | None,
    written: Decimal | None,
    written_1h: Decimal | None,
) -> Tier:
    """A tier whose missing cache prices are the input price; a missing one of an hour that of the other cache."""
    written = given if written is None else written
    return Tier(
        above=above,
        input=given,
        cached=given if cached is None else cached,
        cache_write=written,
        cache_write_1h=written if written_1h is None else written_1h,
        output=output,
    )


@dataclass(frozen=True)
class Rate:
    """Prices of a model at one moment.

    A tier applies to all tokens of a call, not only to those above its threshold.
    """

    tiers: tuple[Tier, ...]
    """By ascending threshold; the first is the base tier, above 0."""
    max_output: int = DEFAULT_MAX_OUTPUT
    """Tokens: a limit on output that the model accepts."""
    at_other_times: tuple[Tier, ...] = ()
    """Tiers of other hours of the day, and of tomorrow: a call that starts now may end then."""

    def tier(self, total_in: int) -> Tier:
        """The tier of a call with `total_in` input tokens."""
        return next(each for each in reversed(self.tiers) if total_in > each.above or each is self.tiers[0])

    def cost(self, tokens: Tokens) -> int:
        """Micro-dollars of one call, rounded up."""
        return self.tier(tokens.total_in).cost(tokens)

    def input_ceiling(self, up_to: int | None = None, *, has_1h_cache: bool = True) -> Decimal:
        """The dearest dollars per million input tokens that a call can be charged.

        `up_to` bounds its input tokens, and with that the tiers. `has_1h_cache`: whether it may write to a cache of
        one hour, which is the dearest kind of input where a provider has it.
        """
        tiers = tuple(self._possible(up_to))
        dearest = max(each.dearest_input for each in tiers)
        return max(dearest, *(each.cache_write_1h for each in tiers)) if has_1h_cache else dearest

    def output_ceiling(self, up_to: int | None = None) -> Decimal:
        """The dearest dollars per million output tokens that a call of at most `up_to` input tokens can be charged."""
        return max(each.output for each in self._possible(up_to))

    def _possible(self, up_to: int | None) -> Iterator[Tier]:
        """The tiers that a call of at most `up_to` input tokens can be charged at."""
        for each in (*self.tiers, *self.at_other_times):
            if up_to is None or each.above == 0 or up_to > each.above:
                yield each
