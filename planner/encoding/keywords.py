"""Keyword extraction from an issue: its most frequent words without stop words."""

import re
from collections import Counter
from typing import Final

MAX_KEYWORDS: Final = 16
_WORD: Final = re.compile(r"\w{3,}")
_STOP_TEXT: Final = (
    "about after all also and any are because been before being but can cannot could did does doing "
    "done down each few for from further had has have having her here him his how into its itself just "
    "like may might more most must not now off once only other our out over own same she should since "
    "some such than that the their them then there these they this those through too under until upon "
    "use used uses using very via was were what when where which while who whom why will with within "
    "without would you your"
)
STOP_WORDS: Final = frozenset(_STOP_TEXT.split())


def keywords(title: str | None, description: str | None) -> list[str]:
    """At most 16 lower-case words of three or more letters, digits or _, the most frequent first, then by alphabet."""
    words = _WORD.findall(f"{title or ''}\n{description or ''}".lower())
    counts = Counter(word for word in words if word not in STOP_WORDS)
    return sorted(counts, key=lambda word: (-counts[word], word))[:MAX_KEYWORDS]
