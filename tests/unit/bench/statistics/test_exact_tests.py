"""Exact tests equal textbook tables and their own enumeration."""

import itertools
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.statistics.exact_tests import fisher_p, rank_sum_p


def test_fisher_matches_known_tables() -> None:
    # The tea tasting table and its textbook p-value, and one from the hypergeometric by hand.
    assert fisher_p(3, 4, 1, 4) == pytest.approx(34 / 70)
    assert fisher_p(0, 5, 5, 5) == pytest.approx(2 / comb(10, 5))
    assert fisher_p(2, 2, 3, 3) == 1.0


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=4), st.lists(st.integers(0, 5), min_size=1, max_size=4)
)
def test_the_rank_sum_test_equals_its_enumeration(a: list[int], b: list[int]) -> None:
    pooled = sorted([*a, *b])
    ranks = [sum(v < value for v in pooled) + (sum(v == value for v in pooled) + 1) / 2 for value in [*a, *b]]
    middle = len(a) * (len(pooled) + 1) / 2
    apart = abs(sum(ranks[: len(a)]) - middle)
    sums = [abs(sum(subset) - middle) for subset in itertools.combinations(ranks, len(a))]
    expected = sum(total >= apart - 1e-9 for total in sums) / len(sums)
    assert rank_sum_p([(v,) for v in a], [(v,) for v in b]) == pytest.approx(expected)
