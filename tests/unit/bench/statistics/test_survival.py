"""Time to pass is estimated in the presence of budgets that cut executions off."""

import numpy as np
import pytest

from bench.errors import BenchError
from bench.statistics.survival import passed_within

ISSUES = np.repeat(np.arange(80), 5)


def executions(seed: int, budget: float) -> tuple[np.ndarray, np.ndarray]:
    """Times to pass are exponential with mean 30 minutes, cut off at a random budget up to `budget`."""
    rng = np.random.default_rng(seed)
    needed = rng.exponential(30, len(ISSUES))
    allowed = rng.uniform(10, budget, len(ISSUES))
    return np.minimum(needed, allowed), needed <= allowed


def test_budgets_do_not_bias_the_share_that_passes() -> None:
    minutes, passed = executions(1, 80)
    truth = 1 - np.exp(-45 / 30)
    (estimate,) = passed_within([45.0], minutes, passed, ISSUES, seed=1)
    assert estimate.low <= truth <= estimate.high
    assert estimate.high - estimate.low < 0.2
    assert np.mean(passed & (minutes <= 45)) < estimate.low


def test_without_cuts_it_is_the_plain_share() -> None:
    minutes, passed = executions(2, 10.001)
    minutes = np.where(passed, minutes, 10.0)
    (estimate,) = passed_within([9.0], minutes, passed, ISSUES, seed=1)
    assert estimate.value == pytest.approx(np.mean(passed & (minutes <= 9)))


def test_alike_executions_of_an_issue_widen_the_interval() -> None:
    minutes, passed = executions(3, 80)
    first = np.arange(0, len(ISSUES), 5)
    alike = np.repeat(minutes[first], 5), np.repeat(passed[first], 5)
    (apart,) = passed_within([30.0], minutes, passed, ISSUES, seed=1)
    (together,) = passed_within([30.0], *alike, ISSUES, seed=1)
    assert together.high - together.low > 1.5 * (apart.high - apart.low)


def test_weighted_executions_count_as_often_as_they_weigh() -> None:
    minutes, passed = executions(6, 80)
    twice = np.where(ISSUES < 40, 3, 1)
    (weighted,) = passed_within([30.0], minutes, passed, ISSUES, seed=1, weights=twice.astype(np.float64))
    (copied,) = passed_within(
        [30.0], np.repeat(minutes, twice), np.repeat(passed, twice), np.repeat(ISSUES, twice), seed=1
    )
    assert weighted.value == pytest.approx(copied.value)
    assert (weighted.low, weighted.high) == pytest.approx((copied.low, copied.high))
    assert weighted.method.startswith("Kaplan–Meier, weights 1/π")


def test_times_beyond_the_last_look_and_few_issues_are_refused() -> None:
    minutes, passed = executions(4, 80)
    near, far = passed_within([20.0, 90.0], minutes, passed, ISSUES, seed=1)
    assert near.value is not None
    assert far.value is None
    assert "allow larger budgets" in far.why_not
    (few,) = passed_within([20.0], minutes[:50], passed[:50], ISSUES[:50], seed=1)
    assert few.why_not == "10 issues are too few, 30 are needed: bench more issues"


def test_nothing_that_passes_says_nothing_of_how_few_may() -> None:
    minutes, passed = executions(5, 80)
    (estimate,) = passed_within([20.0], minutes, np.zeros_like(passed), ISSUES, seed=1)
    assert estimate.value is None
    assert "all issues agree" in estimate.why_not


def test_unknown_times_are_an_error() -> None:
    minutes, passed = executions(6, 80)
    minutes[0] = np.nan
    with pytest.raises(BenchError, match="times to pass need minutes"):
        passed_within([20.0], minutes, passed, ISSUES, seed=1)
