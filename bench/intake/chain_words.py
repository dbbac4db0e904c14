"""A chain of issues in words."""

from collections.abc import Sequence
from itertools import islice
from typing import Final

SHOWN_IDS: Final = 20


def chain_words(ids: Sequence[str], *, closed: bool = False) -> str:
    """The ids joined by arrows, those in the middle of a long chain only counted; `closed` repeats the first id.

    Its length does not grow with the chain: every issue of a ring may carry it.
    """
    last = [ids[0]] if closed else []
    total = len(ids) + len(last)
    if total <= SHOWN_IDS:
        return " → ".join([*ids, *last])
    shown = islice(ids, SHOWN_IDS - 1)
    return f"{' → '.join(shown)} → … {total - SHOWN_IDS} more … → {(last or ids)[-1]}"
