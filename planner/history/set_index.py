"""Inverted index over deduplicated sets of texts, for the Jaccard index with a query set."""

from array import array
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray


class SetIndex:
    """One set of texts a row; equal sets are stored once and numbered by their first occurrence."""

    def __init__(self) -> None:
        self._numbers: dict[frozenset[str], int] = {}
        self._sets: list[frozenset[str]] = []
        self._sizes = array("q")
        self._holders: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
        self._of_row = array("q")

    def add(self, texts: frozenset[str]) -> None:
        """Append a row."""
        number = self._numbers.get(texts)
        if number is None:
            number = self._numbers[texts] = len(self._sets)
            self._sets.append(texts)
            self._sizes.append(len(texts))
            for text in texts:
                self._holders[text].append(number)
        self._of_row.append(number)

    def at(self, row: int) -> frozenset[str]:
        """The set of a row."""
        return self._sets[self._of_row[row]]

    def set_of_row(self) -> NDArray[np.int64]:
        """Number of each row's set (rows,); a view that the next `add` invalidates."""
        return np.frombuffer(self._of_row, dtype=np.int64)

    def jaccard(self, texts: frozenset[str]) -> NDArray[np.float64]:
        """Jaccard index |a ∩ b| / |a ∪ b| of `texts` with each set (distinct sets,); 0 where both are empty."""
        both = self._shared(texts)
        either = np.frombuffer(self._sizes, dtype=np.int64) + len(texts) - both
        index: NDArray[np.float64] = both / np.maximum(either, 1)
        return index

    def holds_all(self, texts: frozenset[str]) -> NDArray[np.bool_]:
        """Whether each set contains all of `texts` (distinct sets,)."""
        complete: NDArray[np.bool_] = self._shared(texts) == len(texts)
        return complete

    def _shared(self, texts: frozenset[str]) -> NDArray[np.int64]:
        counts = np.zeros(len(self._sets), dtype=np.int64)
        for text in texts:
            if text in self._holders:
                counts[np.frombuffer(self._holders[text], dtype=np.int64)] += 1
        return counts
