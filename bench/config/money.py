"""Conversion between dollars, as users write them, and integer micro-dollars, as the farm stores them."""

from decimal import Decimal, InvalidOperation

from bench.config.errors import ConfigError

_MICRO = 1_000_000
_MOST_USD = 10**9


def to_micro_usd(value: str | float) -> int:
    """Integer micro-dollars of an amount in dollars, from its decimal representation, rounded half up.

    Raises `ConfigError` where it is not a number, below 0 or above a billion dollars.
    """
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise ConfigError(f"{value!r:.40} is not an amount of dollars") from error
    if not amount.is_finite() or not 0 <= amount <= _MOST_USD:
        raise ConfigError(f"{value!r:.40} is not an amount of dollars; give 0 or more, a billion at most")
    return int((amount * _MICRO).to_integral_value(rounding="ROUND_HALF_UP"))


def format_usd(micro: int | None) -> str:
    """Dollars with two decimals, four below a dollar; a dash where the amount is None."""
    if micro is None:
        return "–"
    dollars = Decimal(micro) / _MICRO
    return f"${dollars:,.2f}" if abs(dollars) >= 1 or micro == 0 else f"${dollars:,.4f}"
