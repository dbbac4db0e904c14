"""A race drops what loses, from earlier issues alone, and never reads what comes after."""

import itertools

import numpy as np
import pytest

from bench.statistics import racing_first
from bench.statistics.racing import ALPHA, PRIOR, STAKES, Dropped, race, races
from bench.statistics.racing_forecast import issues_until_dropped
from bench.statistics.table import Floats


def outcomes(issues: int, *rates: float) -> Floats:
    rng = np.random.default_rng([issues, *(round(100 * rate) for rate in rates)])
    return (rng.random((issues, len(rates))) < rates).astype(float)


def test_a_bad_arm_is_dropped_at_the_issue_where_its_e_value_reaches_the_bar() -> None:
    passed = outcomes(100, 0.9, 0.9, 0.1)
    (dropped,) = race(passed)
    assert dropped.arm == 2
    assert 1 / ALPHA <= dropped.e < 2 / ALPHA
    assert race(passed[: dropped.issues - 1]) == []
    assert race(passed[: dropped.issues]) == [dropped]


def test_results_after_the_elimination_of_an_arm_change_nothing() -> None:
    passed = outcomes(200, 0.9, 0.6, 0.1)
    dropped = race(passed)
    later = passed.copy()
    later[dropped[0].issues :, dropped[0].arm] = 1.0
    absent = passed.copy()
    absent[dropped[0].issues :, dropped[0].arm] = np.nan
    assert race(later) == race(absent) == dropped


def test_wins_without_a_loss_multiply_each_part_of_the_prior_by_its_stake() -> None:
    passed = np.tile([1.0, 0.0], (10, 1))
    (dropped,) = race(passed, control=0)
    assert dropped == Dropped(1, dropped.e, 6)
    assert dropped.e == pytest.approx(PRIOR @ (1 + STAKES) ** 6)
    # Without a control the set of both arms has to reach the bar too, by the average of their e-values.
    (of_both,) = race(passed)
    assert of_both == Dropped(1, of_both.e, 7)
    assert of_both.e == pytest.approx(PRIOR @ ((1 + STAKES) ** 7 + (1 - STAKES) ** 7) / 2)
    assert pytest.approx(1) == PRIOR.sum()
    assert PRIOR @ (1 + STAKES) ** 10 > 120


def least_over_sets(passed: Floats, control: int | None) -> Floats:
    """The adjusted e-value of each arm before any is dropped: the definition, by loops over arms, pairs and sets."""
    arms = range(passed.shape[1])
    e = []
    for i in arms:
        capital, score = PRIOR.copy(), np.zeros(len(arms))
        for row in passed:
            weights = np.exp(2 * score)
            weights[i] = 0
            ahead = [0.0 if np.isnan(row[j] - row[i]) else row[j] - row[i] for j in arms]
            capital *= 1 + STAKES * (weights @ ahead) / weights.sum()
            score += np.nan_to_num(row - np.nanmean(row))
        e.append(capital.sum())
    droppable = [arm for arm in arms if arm != control]
    sets = [held for n in arms for held in itertools.combinations(droppable, n + 1)]
    averages = {held: sum(e[arm] for arm in held) / len(held) for held in sets}
    return np.array([min([averages[held] for held in sets if arm in held], default=0) for arm in arms])


@pytest.mark.parametrize("control", [None, 1])
def test_an_e_value_is_the_least_over_all_sets_that_hold_the_arm(control: int | None) -> None:
    passed = outcomes(7, 0.8, 0.5, 0.5, 0.2)
    passed[2, 0] = passed[4, 3] = np.nan
    expected = least_over_sets(passed, control)
    assert 1 < expected.max() < 1 / ALPHA
    assert races(passed[None], control).e[0] == pytest.approx(expected)


def test_the_control_is_never_dropped() -> None:
    passed = outcomes(100, 0.95, 0.05)
    assert [dropped.arm for dropped in race(passed)] == [1]
    assert race(passed, control=1) == []
    assert [dropped.arm for dropped in race(passed, control=0)] == [1]


def test_the_last_arm_stays() -> None:
    assert race(outcomes(300, 0.0)) == []
    assert {dropped.arm for dropped in race(outcomes(400, 0.9, 0.5, 0.4, 0.3))} == {1, 2, 3}


def test_issues_without_a_result_of_both_change_nothing() -> None:
    passed = outcomes(60, 0.9, 0.1)
    holes = np.insert(passed, [10, 30], np.nan, axis=0)
    half = np.insert(passed, 20, [1.0, np.nan], axis=0)
    ((full,), (with_holes,), (halved,)) = race(passed), race(holes), race(half)
    assert full.e == with_holes.e == halved.e


def test_without_results_nothing_is_dropped() -> None:
    assert race(np.empty((0, 4))) == []
    assert race(np.full((5, 4), np.nan)) == []


def test_thousands_of_issues_neither_overflow_nor_forget() -> None:
    """A run of 3,000 losses leaves a finite e-value; warnings of numpy are errors here."""
    always = np.tile([1.0, 0.0, 1.0], (3000, 1))
    assert [dropped.arm for dropped in race(always)] == [1]
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        result = races(np.stack([always, 1 - always, np.full((3000, 3), 0.5)]), control=0)
    assert np.isfinite(result.e).all()
    assert result.issues[2].max() == 0


def test_the_bar_falls_as_arms_are_dropped() -> None:
    passed = np.tile([1.0, 0.0, 0.0], (30, 1))
    passed[2:12:2, 1] = passed[2:12:2, 0]
    first, second = race(passed)
    assert (first.arm, second.arm) == (2, 1)
    alone = races(passed[None, : first.issues]).e[0, 1]
    assert alone < 1 / ALPHA <= second.e


def test_a_race_of_many_arms_drops_all_bad_ones() -> None:
    passed = outcomes(200, 0.9, *[0.2] * 39)
    assert {dropped.arm for dropped in race(passed)} == set(range(1, 40))


def test_the_first_test_is_kept_as_it_was() -> None:
    passed = np.tile([1.0, 0.0], (12, 1))
    (dropped,) = race(passed, test=racing_first.races)
    # Staked: nothing, 1/2, 2/3, and 3/4 from then on; the bar is two arms to drop over α.
    assert dropped == Dropped(1, dropped.e, 8)
    assert dropped.e == pytest.approx(1.5 * 5 / 3 * 1.75**5)


def test_a_forecast_grows_with_rivals_and_falls_with_the_gap() -> None:
    by_gap = [issues_until_dropped(gap, 6) for gap in (0.99, 0.5, 0.3, 0.2, 0.1, 0.05)]
    by_arms = [issues_until_dropped(0.5, arms) for arms in (2, 4, 6, 10, 40)]
    assert by_gap == sorted(set(by_gap))
    assert by_arms == sorted(by_arms)
    # An arm that all but never passes where the best all but always does: the number of wins in a row that it takes.
    assert by_gap[0] == next(
        t for t in range(1, 99) if PRIOR.max() * (1 + STAKES.max()) ** t >= 5**1.25 / ALPHA
    )
    # No stake pays for a gap of nearly nothing.
    assert issues_until_dropped(0.001, 2) == 1_000_000
