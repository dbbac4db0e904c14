"""A race drops what loses, by what earlier issues told alone, and never looks at what comes after."""

import numpy as np
import pytest

from bench.statistics.racing import ALPHA, Dropped, race, races

RNG = np.random.default_rng(9)


def outcomes(issues: int, *rates: float) -> np.ndarray:
    return (RNG.random((issues, len(rates))) < rates).astype(float)


def test_a_bad_arm_is_dropped_as_soon_as_its_gambler_is_rich_enough() -> None:
    passed = outcomes(100, 0.9, 0.9, 0.1)
    (dropped,) = race(passed)
    assert dropped.arm == 2
    assert dropped.e >= 3 / ALPHA
    assert race(passed[: dropped.issues - 1]) == []
    assert race(passed[: dropped.issues]) == [dropped]


def test_what_comes_of_a_dropped_arm_changes_nothing() -> None:
    passed = outcomes(200, 0.9, 0.6, 0.1)
    dropped = race(passed)
    later = passed.copy()
    later[dropped[0].issues :, dropped[0].arm] = 1.0
    gone = passed.copy()
    gone[dropped[0].issues :, dropped[0].arm] = np.nan
    assert race(later) == race(gone) == dropped


def test_the_first_gain_is_worth_what_was_staked_beforehand() -> None:
    # One issue in which arm 0 beats arm 1: sums 1 and 1, so half is staked on the second issue.
    result = races(np.array([[[1.0, 0.0], [1.0, 0.0]]]))
    assert result.e[0] == pytest.approx([1.0, 1.5])
    assert races(np.array([[[1.0, 0.0], [0.0, 1.0]]])).e[0] == pytest.approx([1.0, 0.5])


def test_the_control_is_never_dropped_and_counts_as_no_test() -> None:
    passed = outcomes(100, 0.95, 0.05)
    assert [dropped.arm for dropped in race(passed)] == [1]
    assert race(passed, control=1) == []
    (against,) = race(passed, control=0)
    assert 1 / ALPHA <= against.e < 3 / ALPHA


def test_the_last_arm_stays() -> None:
    assert race(outcomes(300, 0.0)) == []
    assert {dropped.arm for dropped in race(outcomes(400, 0.9, 0.5, 0.4, 0.3))} == {1, 2, 3}


def test_issues_without_a_result_of_both_move_nothing() -> None:
    passed = outcomes(60, 0.9, 0.1)
    holes = np.insert(passed, [10, 30], np.nan, axis=0)
    half = np.insert(passed, 20, [1.0, np.nan], axis=0)
    ((full,), (with_holes,), (halved,)) = race(passed), race(holes), race(half)
    assert full.e == with_holes.e == halved.e
    assert isinstance(full, Dropped)


def test_nothing_known_drops_nothing() -> None:
    assert race(np.empty((0, 4))) == []
    assert race(np.full((5, 4), np.nan)) == []
