"""Spelling suggestions for unknown names in error messages."""

import difflib
from collections.abc import Iterable
from typing import Final

MOST_NAMES: Final = 5_000
"""With more names there is no suggestion: each comparison takes microseconds, and a backlog may have 10⁵ ids."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean K?`, or "" where no known name is similar or too many are known. Case is ignored."""
    folded = {name.lower(): name for name in known}
    if len(folded) > MOST_NAMES:
        return ""
    near = difflib.get_close_matches(word.lower(), folded, n=1)
    return f"; did you mean {folded[near[0]]}?" if near else ""
