"""Exact two-sided tests of two arms: Fisher's on passes, and the rank sum's by permutation on other values."""

from collections.abc import Sequence
from math import comb

Key = tuple[int | float, ...]


def fisher_p(passed_a: int, scored_a: int, passed_b: int, scored_b: int) -> float:
    """Two-sided p-value of Fisher's exact test: the probability of all tables no likelier than this one."""
    passed = passed_a + passed_b
    low, high = max(0, passed - scored_b), min(passed, scored_a)
    ways = {x: comb(scored_a, x) * comb(scored_b, passed - x) for x in range(low, high + 1)}
    return sum(way for way in ways.values() if way <= ways[passed_a]) / sum(ways.values())


def rank_sum_p(a: Sequence[Key], b: Sequence[Key]) -> float:
    """Two-sided exact permutation p-value of the rank sum, ties by mid-ranks; 1 where a sample is empty."""
    if not a or not b:
        return 1.0
    pooled = sorted([*a, *b])
    # Twice the mid-rank, so that every rank is an integer.
    doubled = {value: 2 * pooled.index(value) + pooled.count(value) + 1 for value in set(pooled)}
    observed = sum(doubled[value] for value in a)
    expected = len(a) * (len(pooled) + 1)
    sums = _subset_sums([doubled[value] for value in pooled], len(a))
    extreme = sum(ways for total, ways in sums.items() if abs(total - expected) >= abs(observed - expected))
    return extreme / sum(sums.values())


def _subset_sums(values: Sequence[int], size: int) -> dict[int, int]:
    """How many subsets of `size` values have each sum."""
    by_size: list[dict[int, int]] = [{0: 1}, *({} for _ in range(size))]
    for value in values:
        for taken in range(size, 0, -1):
            for total, ways in by_size[taken - 1].items():
                by_size[taken][total + value] = by_size[taken].get(total + value, 0) + ways
    return by_size[size]
