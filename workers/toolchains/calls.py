"""Running total of a program's model calls, each priced at its own context tier."""

from workers.prices.table import price, price_of
from workers.prices.tokens import Tokens
from workers.toolchains.program import Usage


class CallTotal:
    """Tokens and money of the calls that a program reports one by one."""

    def __init__(self) -> None:
        self.tokens: Tokens | None = None
        self._micro_usd = 0
        self._is_priced = True

    def add(self, model: str | None, tokens: Tokens, provider: str | None = None) -> None:
        """Add one call; without tokens it adds nothing."""
        if not tokens:
            return
        self.tokens = (self.tokens or Tokens()) + tokens
        amount = price(model, tokens, provider)
        self._is_priced = self._is_priced and amount is not None
        self._micro_usd += amount or 0

    def usage(self, *, has_worked: bool, is_partial: bool) -> Usage:
        """The usage so far; its price is None where no call has tokens, or a model's price is not known."""
        is_known = self.tokens is not None and self._is_priced
        return Usage(None, self._micro_usd if is_known else None, self.tokens, has_worked, is_partial)


def may_reach_a_dearer_tier(model: str | None, tokens: Tokens, provider: str | None = None) -> bool:
    """Whether one of the calls that sum to `tokens` may have been charged at a dearer tier than the base one."""
    rate = price_of(model, provider)
    return rate is not None and len(rate.tiers) > 1 and tokens.total_in > rate.tiers[1].above
