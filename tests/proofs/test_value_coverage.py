"""Intervals of policy values hold the truth as often as they say, and a wrong one does not pass for right."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from bench.statistics.cross_fit import cross_fitted
from bench.statistics.estimators import (
    DOUBLY_ROBUST,
    HAJEK,
    HORVITZ_THOMPSON,
    Estimator,
    Terms,
    minus,
    terms,
    value,
)
from bench.statistics.intervals import Interval, finite_sample, linearised, resampled
from bench.statistics.logs import bench_log
from bench.statistics.outcomes import pass_own_budget
from bench.statistics.table import Floats
from tests.proofs.conftest import Record, Size
from tests.proofs.value_worlds import CELLS, N_ARMS, TYPES, Draw, World, draw, make_world, softmax_policy

Measure = Callable[[World, Draw], tuple[list[Interval], float]]
BY_T = (HORVITZ_THOMPSON, HAJEK, DOUBLY_ROBUST)


def sums(estimators: Sequence[Estimator], drawn: Draw, policy: Floats) -> list[Terms]:
    table = drawn.table
    fitted = None
    if any(estimator.direct for estimator in estimators):
        fitted = cross_fitted(table, drawn.features, pass_own_budget(table), "issue")
    log = bench_log(table, drawn.policy(policy), table.passed, fitted=fitted)
    return [terms(estimator, log) for estimator in estimators]


def coverage(measure: Measure, worlds: int, issues: int) -> Floats:
    """The shares of worlds whose truth lies in each interval measured; the harness of every estimator here."""
    held = []
    for number in range(worlds):
        world = make_world(number)
        found, truth = measure(world, draw(world, np.random.default_rng([number, issues]), issues))
        held.append([interval.low <= truth <= interval.high for interval in found])
    return np.mean(held, axis=0)


def allowed(worlds: int) -> float:
    """Three standard errors of a share of 95 %: 1.5 points for 2,000 worlds."""
    return 3 * float(np.sqrt(0.95 * 0.05 / worlds))


def rule(worlds: int) -> str:
    return f"95 ± {100 * allowed(worlds):.1f} %"


def by_t(world: World, drawn: Draw) -> tuple[list[Interval], float]:
    return [linearised(of) for of in sums(BY_T, drawn, world.policy)], world.truth


def by_bca(world: World, drawn: Draw) -> tuple[list[Interval], float]:
    return [resampled(of, seed=1) for of in sums(BY_T, drawn, world.policy)], world.truth


def snips_over_a_fixed_sum(world: World, drawn: Draw) -> tuple[list[Interval], float]:
    """Wrong on purpose: resamples of the numerator are divided by the weight of the whole sample."""
    (of,) = sums([HAJEK], drawn, world.policy)
    return [linearised(Terms(of.top, np.full_like(of.bottom, of.bottom.mean())))], world.truth


@pytest.mark.parametrize("issues", [150, 500])
def test_linearised_intervals_hold_95_percent(issues: int, size: Size, record_property: Record) -> None:
    worlds = size.worlds(thin=50, full=2000)
    found = coverage(by_t, worlds, issues)
    record_property("claim", f"95 % t of HT, Hájek and DR, {issues} issues, {worlds} worlds")
    record_property("found", ", ".join(f"{share:.1%}" for share in found))
    record_property("rule", rule(worlds))
    assert (np.abs(found - 0.95) <= allowed(worlds)).all(), found


def test_a_self_normalised_estimate_that_is_not_renormalised_fails(
    size: Size, record_property: Record
) -> None:
    worlds = size.worlds(thin=300, full=2000)
    (found,) = coverage(snips_over_a_fixed_sum, worlds, 150)
    record_property("claim", f"SNIPS resampled without renormalising is caught, {worlds} worlds")
    record_property("found", f"{found:.1%}")
    record_property("rule", f"outside {rule(worlds)}")
    assert abs(found - 0.95) > allowed(worlds)


def test_resampled_intervals_hold_95_percent(size: Size, record_property: Record) -> None:
    worlds = size.worlds(thin=25, full=500)
    found = coverage(by_bca, worlds, 150)
    record_property("claim", f"95 % BCa of HT, Hájek and DR, 150 issues, {worlds} worlds")
    record_property("found", ", ".join(f"{share:.1%}" for share in found))
    record_property("rule", rule(worlds))
    assert (np.abs(found - 0.95) <= allowed(worlds)).all(), found


def test_paired_differences_hold_95_percent_and_are_narrower(size: Size, record_property: Record) -> None:
    worlds = size.worlds(thin=30, full=1000)
    ratios = []

    def paired(world: World, drawn: Draw) -> tuple[list[Interval], float]:
        other = softmax_policy(np.zeros((TYPES, len(CELLS))), 0.0)
        (one,), (two,) = (sums([DOUBLY_ROBUST], drawn, policy) for policy in (world.policy, other))
        found = linearised(minus(one, two))
        assert value(minus(one, two)) == pytest.approx(value(one) - value(two), abs=1e-12)
        alone = [limits.high - limits.low for limits in (linearised(one), linearised(two))]
        ratios.append((found.high - found.low) / math.hypot(*alone))
        return [found], world.truth - world._replace(policy=other).truth

    (found,) = coverage(paired, worlds, 150)
    record_property("claim", f"95 % t of paired differences, 150 issues, {worlds} worlds")
    record_property("found", f"{found:.1%}, {np.mean(ratios):.2f} times as wide as unpaired")
    record_property("rule", f"{rule(worlds)}, narrower")
    assert abs(found - 0.95) <= allowed(worlds)
    assert np.mean(ratios) < 0.8


def test_finite_sample_brackets_hold_with_few_issues(size: Size, record_property: Record) -> None:
    worlds = size.worlds(thin=100, full=2000)

    def bracket(world: World, drawn: Draw) -> tuple[list[Interval], float]:
        (of,) = sums([HORVITZ_THOMPSON], drawn, world.policy)
        return [finite_sample(of.top[0], len(CELLS) / N_ARMS)], world.truth

    (found,) = coverage(bracket, worlds, 12)
    record_property("claim", f"finite-sample brackets, 12 issues, {worlds} worlds")
    record_property("found", f"{found:.1%}")
    record_property("rule", "≥ 95 %")
    assert found >= 0.95
