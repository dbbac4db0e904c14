"""Amounts of money as whole cents."""


def parse_amount(text: str) -> int:
    """Cents of an amount such as ``"1,234.50"``, ``"-3"`` or ``"EUR 7.5"``."""
    cleaned = text.replace(",", "").replace("EUR", "").strip()
    negative = cleaned.startswith("-")
    whole, _, fraction = cleaned.lstrip("+-").partition(".")
    if not (whole or fraction) or not (whole + fraction).isdigit():
        raise ValueError(f"not an amount: {text!r}")
    if len(fraction) > 2:
        raise ValueError(f"more than two decimals: {text!r}")
    cents = int(whole or "0") * 100 + int(fraction.ljust(2, "0"))
    return -cents if negative else cents


def format_amount(cents: int) -> str:
    """``-123456`` as ``"-1,234.56"``."""
    sign = "-" if cents < 0 else ""
    whole, fraction = divmod(abs(cents), 100)
    return f"{sign}{whole:,}.{fraction:02d}"


def percent_of(cents: int, percent: int) -> int:
    """That share of an amount, halves rounded away from zero."""
    doubled = 2 * abs(cents) * percent
    rounded = (doubled + 100) // 200
    return -rounded if cents < 0 else rounded


def allocate(total: int, weights: list[int]) -> list[int]:
    """Split a total by weights without losing a cent; the largest remainders get the spare cents."""
    weight_sum = sum(weights)
    if weight_sum <= 0:
        raise ValueError("weights must sum to more than zero")
    shares = [total * weight // weight_sum for weight in weights]
    spare = total - sum(shares)
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % weight_sum), i))
    for index in by_remainder[:spare]:
        shares[index] += 1
    return shares
