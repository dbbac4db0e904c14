"""Formatting of a chain of issue ids, abbreviated where it is long."""

from collections.abc import Sequence
from itertools import islice
from typing import Final

SHOWN_IDS: Final = 20


def format_chain(ids: Sequence[str], *, closed: bool = False) -> str:
    """The ids joined by arrows; a long chain is abbreviated in the middle; `closed` repeats the first id.

    The length of the text is bounded: every issue of a cycle may carry it.
    """
    last = [ids[0]] if closed else []
    total = len(ids) + len(last)
    if total <= SHOWN_IDS:
        return " → ".join([*ids, *last])
    shown = islice(ids, SHOWN_IDS - 1)
    return f"{' → '.join(shown)} → … {total - SHOWN_IDS} more … → {(last or ids)[-1]}"
