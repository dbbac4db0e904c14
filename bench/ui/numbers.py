"""Numbers in addresses."""


def page_number(text: str | None, last: int | None = None) -> int:
    """A page number from 1 to `last`; 1 where `text` is no number."""
    number = int(text) if text is not None and text.isdecimal() and text.isascii() and len(text) < 9 else 1
    return max(1, number if last is None else min(number, last))
