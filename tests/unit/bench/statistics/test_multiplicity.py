"""Holm's procedure: its p-values are those of a reference implementation, and its intervals reject what it rejects."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from bench.statistics.comparisons import holm_family, look_family
from bench.statistics.estimate import Estimate, refused
from bench.statistics.multiplicity import Comparison, holm, holm_adjusted, stepwise, two_sided

T_59 = 2.000995
"""The 97.5 % quantile of Student's t with 59 degrees of freedom."""


def estimate(value: float, error: float, method: str = "DR, 95 % t over 60 issues") -> Estimate:
    return Estimate("pass_own_budget", value, value - T_59 * error, value + T_59 * error, method)


def test_holm_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(1)
    for size in (1, 5, 15):
        p_values = rng.beta(0.3, 3, size=size)
        rejected, adjusted, *_ = multipletests(p_values, 0.05, "holm")
        assert holm(p_values, 0.05).tolist() == rejected.tolist()
        assert holm_adjusted(p_values) == pytest.approx(adjusted)


def test_an_interval_excludes_zero_exactly_where_holm_rejects() -> None:
    rng = np.random.default_rng(2)
    counts = set()
    for _ in range(300):
        size = int(rng.integers(1, 12))
        family = [
            Comparison(value, below, above, 40.0)
            for value, below, above in zip(
                rng.normal(0, 2.5, size),
                rng.uniform(0.5, 1.5, size),
                rng.uniform(0.5, 1.5, size),
                strict=True,
            )
        ]
        rejected = holm(np.array([two_sided(one) for one in family]), 0.05)
        adjusted = stepwise(family)
        assert [not one.low <= 0 <= one.high for one in adjusted] == rejected.tolist()
        assert [one.p_value <= 0.05 for one in adjusted] == rejected.tolist()
        counts.add((int(rejected.sum()) > 0, bool(rejected.all())))
    assert counts == {(False, False), (True, False), (True, True)}


def test_a_lone_difference_keeps_its_interval_and_its_method() -> None:
    (only,) = holm_family([estimate(0.1, 0.06)], issues=60)
    assert only.estimate[1:4] == pytest.approx(estimate(0.1, 0.06)[1:4], abs=1e-6)
    assert only.estimate.method == "DR, 95 % t over 60 issues"


def test_refusals_and_equal_choices_are_no_comparisons() -> None:
    same = Estimate("pass_own_budget", 0.0, 0.0, 0.0, "the same choices")
    no = refused("pass_own_budget", "DR", "too few")
    first, second, third, fourth = holm_family(
        [estimate(0.2, 0.05), same, no, estimate(0.1, 0.048)], issues=60
    )
    assert (second.estimate, second.p_value, third.estimate) == (same, None, no)
    assert first.estimate.method == "DR, t over 60 issues, 95 % Holm over 2"
    # p = .0002 is tested at .025 and p = .042 at .05: of two, the second keeps its own interval.
    assert first.estimate.low == pytest.approx(0.2 - 2.3013 * 0.05, abs=1e-3)
    assert fourth.estimate.low == pytest.approx(0.1 - T_59 * 0.048, abs=1e-6)
    assert fourth.p_value == pytest.approx(0.0416, abs=1e-3)


def test_looks_share_alpha_among_all_comparisons() -> None:
    method = "DR, 95 % confidence sequence over 60 issues"
    alone = look_family([estimate(0.1, 0.06, method)], 60, 100)
    three = look_family([estimate(0.1, 0.06, method)] * 3, 60, 100)
    assert alone[0].estimate == estimate(0.1, 0.06, method)
    assert three[0].estimate.low < alone[0].estimate.low
    assert three[0].estimate.method == "DR, confidence sequence over 60 issues, 95 % Bonferroni over 3"
