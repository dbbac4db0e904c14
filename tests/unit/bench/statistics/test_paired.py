"""Paired differences: within issues, so that issues that only one side ran, or ran more often, weigh nothing."""

import pytest

from bench.statistics.paired import MeanPair, paired_amounts, paired_rates


def test_a_difference_is_the_mean_over_issues_of_the_mean_over_actions() -> None:
    pairs = [MeanPair("a", 0.0, 1.0), MeanPair("a", 1.0, 1.0), MeanPair("b", 0.5, 0.0)]
    estimate = paired_rates("passes", pairs, seed=1)
    assert estimate.value == pytest.approx((0.5 - 0.5) / 2)
    assert estimate.low is not None
    assert estimate.high is not None
    assert -1.0 <= estimate.low <= 0.0 <= estimate.high <= 1.0


def test_a_clear_difference_excludes_zero_and_order_does_not_matter() -> None:
    pairs = [MeanPair(f"i{n}", 0.1 * (n % 3), 0.8 + 0.05 * (n % 4)) for n in range(30)]
    estimate = paired_rates("passes", pairs, seed=3)
    assert estimate.low is not None
    assert estimate.low > 0.5
    assert estimate == paired_rates("passes", pairs[::-1], seed=3)


def test_few_issues_that_agree_prove_little() -> None:
    estimate = paired_rates("passes", [MeanPair("a", 0.0, 1.0), MeanPair("b", 0.0, 1.0)], seed=1)
    assert (estimate.value, estimate.high) == (1.0, 1.0)
    assert estimate.low == -1.0


def test_amounts_have_a_paired_t_interval() -> None:
    pairs = [MeanPair("a", 1.0, 2.0), MeanPair("b", 1.0, 4.0), MeanPair("c", 2.0, 4.0)]
    estimate = paired_amounts("dollars", pairs)
    # The differences 1, 3 and 2: mean 2, standard error 1/√3, t(2) = 4.3027.
    assert estimate.value == pytest.approx(2.0)
    assert estimate.low == pytest.approx(2.0 - 4.302653 / 3**0.5, rel=1e-5)
    assert estimate.high == pytest.approx(2.0 + 4.302653 / 3**0.5, rel=1e-5)


@pytest.mark.parametrize(
    "pairs", [[MeanPair("a", 1.0, 2.0)], [MeanPair("a", 1.0, 2.0), MeanPair("b", 3.0, 4.0)]]
)
def test_amounts_that_do_not_vary_have_no_interval(pairs: list[MeanPair]) -> None:
    estimate = paired_amounts("dollars", pairs)
    assert (estimate.value, estimate.low, estimate.high) == (1.0, None, None)


def test_nothing_shared_is_refused() -> None:
    assert paired_rates("passes", [], seed=1).why_not == paired_amounts("dollars", []).why_not
    assert paired_rates("passes", [], seed=1).value is None
