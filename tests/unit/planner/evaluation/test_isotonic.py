"""The isotonic curve is the least-squares one, never falls, and makes an honest model of an overconfident one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from planner.errors import PlannerError
from planner.evaluation.calibration import ece
from planner.evaluation.isotonic import fit_isotonic
from planner.space.decode import Decoded, decode_heads
from planner.space.isotonic import IsotonicCurve, with_calibrated_column, with_calibrated_confidence
from tests.fixtures.stand_in_models import SURE

PAIRS = st.lists(st.tuples(st.integers(0, 12).map(lambda score: score / 12), st.booleans()), min_size=1)


@given(PAIRS)
def test_it_is_the_least_squares_fit_in_any_order(pairs: list[tuple[float, bool]]) -> None:
    scores, correct = (np.array(column, dtype=np.float64) for column in zip(*pairs, strict=True))
    curve = fit_isotonic(scores, correct)
    points, where = np.unique(scores, return_inverse=True)
    masses = np.bincount(where)
    rates = np.bincount(where, weights=correct) / masses
    np.testing.assert_allclose(curve(points), isotonic_regression(rates, weights=masses).x, atol=1e-9)
    order = np.argsort(correct, kind="stable")
    assert fit_isotonic(scores[order], correct[order]) == curve
    assert curve(scores).mean() == pytest.approx(correct.mean())
    assert IsotonicCurve.of(curve.document()) == curve


def test_an_overconfident_model_becomes_honest() -> None:
    rng = np.random.default_rng(3)
    honest = rng.uniform(0, 1, 6000)
    correct = rng.uniform(size=6000) < honest
    boasted = honest ** (1 / 4)
    curve = fit_isotonic(boasted[:3000], correct[:3000])
    assert ece(boasted[3000:], correct[3000:]) > 0.2
    assert ece(curve(boasted[3000:]), correct[3000:]) < 0.04


def test_between_points_it_is_linear_and_outside_constant() -> None:
    curve = IsotonicCurve((0.2, 0.6), (0.1, 0.5))
    assert curve(np.array([0.0, 0.2, 0.4, 0.6, 1.0])).tolist() == pytest.approx([0.1, 0.1, 0.3, 0.5, 0.5])


def test_a_curve_changes_the_confidence_alone() -> None:
    decoded: Decoded = decode_heads(SURE, "code")
    calibrated = with_calibrated_confidence(decoded, IsotonicCurve((0.5, 1.0), (0.1, 0.81)))
    assert calibrated.confidence == pytest.approx(0.81 ** (1 / 4))
    assert (calibrated.action, calibrated.probabilities is decoded.probabilities) == (decoded.action, True)
    assert with_calibrated_confidence(decoded, None) is decoded


def test_a_column_is_calibrated_in_a_copy() -> None:
    numbers = np.full((3, 5), 0.5, np.float32)
    changed = with_calibrated_column(numbers, 0, IsotonicCurve((0.0, 1.0), (0.0, 0.5)))
    assert changed[:, 0].tolist() == [0.25] * 3
    assert (changed[:, 1:] == 0.5).all()
    assert (numbers == 0.5).all()


def test_there_is_no_curve_of_nothing_or_of_nonsense() -> None:
    with pytest.raises(PlannerError, match="needs a validation split with outcomes"):
        fit_isotonic(np.zeros(0), np.zeros(0))
    with pytest.raises(PlannerError, match="NaN or Inf"):
        fit_isotonic(np.array([np.nan]), np.ones(1))
    assert IsotonicCurve.of(None) is None
    for scores, rates in (
        ([], []),
        ([0.1], [0.1, 0.2]),
        ([0.1, 0.1], [0, 1]),
        ([0, 1], [0, 2]),
        ([0, 1], [True, 1]),
    ):
        with pytest.raises(PlannerError, match="isotonic curve"):
            IsotonicCurve.of({"scores": scores, "rates": rates})
