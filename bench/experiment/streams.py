"""A portable pseudo-random number generator with keyed streams: SHA-256 in counter mode.

Every case draws from its own stream, so that adding an issue changes no other case. The standard library does not
guarantee this reproducibility: its draws from a sequence have changed between Python versions.
"""

import hashlib
from collections.abc import Iterable

from planner.canonical import canonical_json

Part = str | int
_WORD = 1 << 64


def digest(*parts: Part) -> bytes:
    """SHA-256 of the parts as a canonical JSON list, an injective encoding."""
    return hashlib.sha256(canonical_json(list(parts)).encode()).digest()


def seed63(*parts: Part) -> int:
    """A non-negative 63-bit integer: it fits a seed column and every toolchain."""
    return int.from_bytes(digest(*parts)[:8], "big") >> 1


def unit(*parts: Part) -> float:
    """A number in [0, 1) with 53 random bits."""
    return (int.from_bytes(digest(*parts)[:8], "big") >> 11) / (1 << 53)


def seeded_order(seed: int, purpose: str, ids: Iterable[str]) -> list[str]:
    """A seeded permutation of `ids`; depends on seed and purpose, not on the order of `ids`."""
    return sorted(set(ids), key=lambda name: (digest(seed, purpose, name), name))


class Stream:
    """An endless stream of unbiased integers, keyed by its parts."""

    __slots__ = ("_counter", "_key", "_words")

    def __init__(self, *parts: Part) -> None:
        self._key = digest(*parts)
        self._counter = 0
        self._words: list[int] = []

    def below(self, n: int) -> int:
        """A uniform integer in [0, n), by rejection sampling; raises `ValueError` unless 1 ≤ n ≤ 2^64."""
        if not 1 <= n <= _WORD:
            raise ValueError(f"n must be between 1 and 2^64, not {n}")
        limit = _WORD - _WORD % n
        while True:
            word = self._word()
            if word < limit:
                return word % n

    def _word(self) -> int:
        if not self._words:
            block = hashlib.sha256(self._key + self._counter.to_bytes(8, "big")).digest()
            self._counter += 1
            self._words = [int.from_bytes(block[i : i + 8], "big") for i in (24, 16, 8, 0)]
        return self._words.pop()


def nth_free(position: int, taken: list[int]) -> int:
    """The `position`-th non-negative integer that is not in the ascending list `taken`."""
    for used in taken:
        if position < used:
            break
        position += 1
    return position
