"""Admission probabilities are those of a random order under caps."""

from itertools import permutations

import numpy as np
import pytest

from bench.errors import BenchError
from bench.statistics.admission import admission_probabilities


def by_enumeration(reserved: list[float], spent: list[float], cap: float) -> np.ndarray:
    frequency = np.zeros(len(reserved))
    orders = list(permutations(range(len(reserved))))
    for order in orders:
        used = 0.0
        for case in order:
            if used + reserved[case] <= cap:
                frequency[case] += 1
                used += spent[case]
    return frequency / len(orders)


def column(numbers: list[float]) -> np.ndarray:
    return np.array(numbers)[:, None]


def test_estimates_come_near_all_orders_enumerated() -> None:
    reserved, spent = [5.0, 5.0, 3.0, 2.0, 2.0, 8.0], [4.0, 4.0, 1.0, 2.0, 2.0, 8.0]
    admission = admission_probabilities(column(reserved), column(spent), np.array([10.0]), seed=1)
    assert not admission.exact
    assert admission.redraws == 10_000
    assert admission.probabilities == pytest.approx(by_enumeration(reserved, spent, 10), abs=0.02)
    assert admission.probabilities[0] == admission.probabilities[1]


def test_what_fits_is_let_in_for_certain() -> None:
    admission = admission_probabilities(column([1, 2, 3]), column([1, 2, 3]), np.array([6.0]), seed=1)
    assert admission.exact
    assert admission.probabilities.tolist() == [1, 1, 1]


def test_the_tightest_of_several_caps_decides() -> None:
    spent = np.array([[1.0, 10.0]] * 4)
    admission = admission_probabilities(spent, spent, np.array([100.0, 30.0]), seed=1)
    assert admission.exact
    assert admission.probabilities.tolist() == [0.75] * 4


def test_what_never_fits_has_no_chance() -> None:
    admission = admission_probabilities(column([1, 1, 9]), column([1, 1, 9]), np.array([5.0]), seed=1)
    assert admission.probabilities.tolist() == [1, 1, 0]


def test_too_few_redraws_and_shapes_that_differ_are_errors() -> None:
    with pytest.raises(BenchError, match="too few"):
        admission_probabilities(column([1, 9]), column([1, 9]), np.array([5.0]), seed=1, redraws=100)
    with pytest.raises(BenchError, match="same cases and units"):
        admission_probabilities(column([1, 9]), column([1]), np.array([5.0]), seed=1)
