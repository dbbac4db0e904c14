from typing import Any

import numpy as np
import pytest

from planner.evaluation.intervals import (
    FEWEST_THAT_DIFFER,
    BootstrapInterval,
    PairedDifference,
    Resampler,
    is_worse,
    verdict,
)

ONES = np.ones(40)
ISSUES = [f"issue-{number}" for number in range(40)]


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(300):
        values = (rng.random(60) < 0.3).astype(float)
        _, low, high = Resampler([str(index) for index in range(60)], 0, 400).ratio(values, np.ones(60))
        held += low <= 0.3 <= high
    assert 0.89 <= held / 300 <= 0.98


def test_examples_of_one_issue_are_one_observation() -> None:
    rng = np.random.default_rng(2)
    values = (rng.random(40) < 0.5).astype(float)
    alone = Resampler(ISSUES, 5).ratio(values, ONES)
    tenfold = Resampler(ISSUES * 10, 5).ratio(np.tile(values, 10), np.ones(400))
    assert tenfold == pytest.approx(alone)


def test_the_same_seed_gives_the_same_interval_and_another_one_does_not() -> None:
    values = np.arange(40.0)
    assert Resampler(ISSUES, 3).ratio(values, ONES) == Resampler(ISSUES, 3).ratio(values, ONES)
    assert Resampler(ISSUES, 3).ratio(values, ONES) != Resampler(ISSUES, 4).ratio(values, ONES)


def test_a_ratio_is_of_sums() -> None:
    estimate = Resampler(["a", "b"], 0).ratio(np.array([6.0, 2.0]), np.array([1.0, 3.0]))
    assert estimate.estimate == 2.0


def test_one_issue_or_a_ratio_over_nothing_has_no_interval() -> None:
    assert Resampler(["a", "a"], 0).ratio(np.ones(2), np.ones(2)) == BootstrapInterval(1.0, None, None)
    assert Resampler(["a", "b"], 0).ratio(np.ones(2), np.zeros(2)) == BootstrapInterval(None, None, None)
    # Half of the resamples miss the one issue that has a denominator.
    assert Resampler(["a", "b"], 0).ratio(np.ones(2), np.array([1.0, 0.0])).low is None


def test_a_paired_difference_is_surer_than_its_parts() -> None:
    rng = np.random.default_rng(4)
    hardness = rng.normal(size=40) * 10
    resampler = Resampler(ISSUES, 0)
    estimate = resampler.difference((hardness + 1, ONES), (hardness, ONES), ONES > 0)
    alone = resampler.ratio(hardness, ONES)
    assert estimate.interval.low == pytest.approx(1)
    assert estimate.interval.high == pytest.approx(1)
    assert alone.high - alone.low > 4


def test_examples_where_only_one_side_is_observed_take_no_part() -> None:
    both = np.arange(40) < 10
    noise = np.where(both, 0.0, 100.0)
    estimate = Resampler(ISSUES, 0).difference((ONES + noise, ONES), (ONES, ONES), both)
    assert estimate.interval.estimate == 0
    assert (estimate.issues, estimate.issues_that_differ) == (10, 0)


@pytest.mark.parametrize(
    ("low", "high", "differ", "higher", "expected", "worse"),
    [
        (0.01, 0.2, 6, True, "shown", False),
        (0.01, 0.2, 5, True, "not shown", False),
        (-0.01, 0.2, 30, True, "not shown", False),
        (0.0, 0.0, 0, True, "not shown", False),
        (-0.2, -0.01, 30, True, "not shown", True),
        (-0.2, -0.01, 30, False, "shown", False),
        (0.01, 0.2, 30, False, "not shown", True),
        (None, None, 30, True, "not shown", False),
    ],
)
def test_a_gain_is_shown_only_where_the_interval_and_enough_issues_say_so(
    low: Any, high: Any, differ: Any, higher: Any, expected: Any, worse: Any
) -> None:
    estimate = PairedDifference(BootstrapInterval(0.1, low, high), 40, differ)
    assert verdict(estimate, higher) == expected
    assert is_worse(estimate, higher) == worse


def test_policies_that_are_alike_are_hardly_ever_told_apart() -> None:
    rng = np.random.default_rng(8)
    shown = 0
    for _ in range(200):
        own, other = (rng.random((2, 40)) < 0.6).astype(float)
        estimate = Resampler(ISSUES, 0, 400).difference((own, ONES), (other, ONES), ONES > 0)
        shown += verdict(estimate, True) == "shown"
    assert shown / 200 < 0.06


def test_a_few_lucky_issues_show_nothing() -> None:
    lucky = np.where(np.arange(40) < FEWEST_THAT_DIFFER - 1, 1.0, 0.0)
    estimate = Resampler(ISSUES, 0).difference((lucky, ONES), (0 * lucky, ONES), ONES > 0)
    assert estimate.interval.low > 0
    assert verdict(estimate, True) == "not shown"
