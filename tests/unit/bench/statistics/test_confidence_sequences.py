"""What a look shows: a running mean and an interval that holds at all looks."""

import numpy as np
import pytest

from bench.statistics.estimators import Terms
from bench.statistics.intervals import linearised
from bench.statistics.looks import bounded_mean, log_capital, look
from bench.statistics.sequence import sequence, sequence_width

VALUES = np.random.default_rng(4).choice([0.0, 0.5, 1.0], size=200)


def test_an_interval_is_where_neither_gambler_has_won() -> None:
    low, high = bounded_mean(VALUES)
    for mean, refuted in (
        (low - 0.001, True),
        (low + 0.001, False),
        (high - 0.001, False),
        (high + 0.001, True),
    ):
        capital = max(log_capital(VALUES, mean)[-1], log_capital(1 - VALUES, 1 - mean)[-1])
        assert (capital >= np.log(40)) == refuted


def test_stakes_know_nothing_of_the_value_they_are_put_on() -> None:
    other = np.array([*VALUES[:100], *(1 - VALUES[100:])])
    assert np.array_equal(log_capital(VALUES, 0.5)[:100], log_capital(other, 0.5)[:100])
    won, lost = np.array([0.0, 1.0]), np.array([0.0, 0.0])
    stakes = [np.diff(log_capital(values, 0.5))[0] for values in (won, lost)]
    assert np.expm1(stakes[0]) == pytest.approx(-np.expm1(stakes[1]))


def test_more_and_less_are_mirrored() -> None:
    low, high = bounded_mean(VALUES)
    assert bounded_mean(1 - VALUES) == pytest.approx((1 - high, 1 - low))


def test_few_issues_say_little_and_many_more() -> None:
    assert bounded_mean(np.array([1.0])) == (0.0, 1.0)
    widths = [high - low for low, high in (bounded_mean(VALUES[:size]) for size in (10, 50, 200))]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.3


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_mean_at_the_edge_is_within_its_interval(value: float) -> None:
    low, high = bounded_mean(np.full(50, value))
    assert low <= value <= high
    assert high - low < 0.25


def test_issues_without_a_result_are_counted_not_scored() -> None:
    interim = look((1.0, None, 0.5, None))
    assert interim is not None
    assert (interim.mean, interim.issues, interim.left_out) == (0.75, 2, 2)
    assert look((None,)) is None is look(())


def test_the_width_is_the_published_formula() -> None:
    # t = 250, expected 1,000: ρ² = (−2 ln 0.05 + ln(1 − 2 ln 0.05)) ÷ 1,000 = 0.0079362
    assert float(sequence_width(250, 1000)) == pytest.approx(0.20645, abs=1e-5)
    narrowest = min(range(1, 60), key=lambda n: float(sequence_width(1000, 100 * n)))
    assert narrowest == 10


def test_the_sequence_of_an_estimate_is_wider_than_its_interval_at_one_look() -> None:
    of = Terms(VALUES[None, :], np.ones((1, len(VALUES))))
    always, once = sequence(of, 200), linearised(of)
    assert always.low < once.low < once.high < always.high
    assert (always.low + always.high) / 2 == pytest.approx(VALUES.mean())
    assert (always.high - always.low) / (once.high - once.low) < 1.7
