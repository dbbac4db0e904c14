"""Article numbers: our own SKUs and the GTINs printed on boxes."""

import re

_SKU = re.compile(r"^([A-Z]{2,4})-(\d{3,6})(?:-([A-Z0-9]{1,3}))?$")
_LENGTHS = {8, 12, 13, 14}


def check_digit(digits: str) -> int:
    """GTIN check digit of the digits before it; the rightmost one weighs three."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        weight = 3 if position % 2 == 0 else 1
        total += int(digit) * weight
    return (10 - total % 10) % 10


def is_gtin(code: str) -> bool:
    if not code.isdigit() or len(code) not in _LENGTHS:
        return False
    return check_digit(code[:-1]) == int(code[-1])


def to_gtin14(code: str) -> str:
    """The code as a GTIN-14, the form the carriers' labels use."""
    if not is_gtin(code):
        raise ValueError(f"not a GTIN: {code!r}")
    return code.zfill(14)


def case_gtin(code: str, level: int) -> str:
    """GTIN-14 of a case of these articles at packaging level 1 to 8."""
    if not 1 <= level <= 8:
        raise ValueError("packaging level is 1 to 8")
    body = str(level) + to_gtin14(code)[1:-1]
    return body + str(check_digit(body))


def parse_sku(text: str) -> tuple[str, int, str | None]:
    """``"tee-00120-xl"`` as ``("TEE", 120, "XL")``; blanks and case do not matter."""
    match = _SKU.match(text.strip().upper().replace(" ", "").replace("_", "-"))
    if match is None:
        raise ValueError(f"not a SKU: {text!r}")
    family, number, variant = match.groups()
    return family, int(number), variant


def same_article(left: str, right: str) -> bool:
    """Whether two SKUs differ at most in their variant."""
    return parse_sku(left)[:2] == parse_sku(right)[:2]
