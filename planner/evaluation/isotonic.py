"""Isotonic regression by pool adjacent violators: a calibration curve from probabilities and what came true.

Source: Zadrozny and Elkan, *Transforming classifier scores into accurate multiclass probability estimates* (2002).
"""

import numpy as np
from numpy.typing import NDArray

from planner.errors import PlannerError
from planner.space.isotonic import IsotonicCurve

Floats = NDArray[np.floating]


def fit_isotonic(scores: Floats, correct: NDArray[np.generic]) -> IsotonicCurve:
    """Least-squares non-decreasing fit of `correct` (N,), 0 or 1, on `scores` (N,).

    Equal scores are one point, so the order of the examples has no effect. Raises `PlannerError` without examples, and
    for scores that are not finite.
    """
    if len(scores) == 0:
        raise PlannerError("isotonic calibration needs a validation split with outcomes; use temperature")
    if not np.isfinite(scores).all():
        raise PlannerError("calibration needs finite numbers; the model gave NaN or Inf: train it again")
    points, where = np.unique(np.asarray(scores, dtype=np.float64), return_inverse=True)
    masses = np.bincount(where).astype(np.float64)
    rates = np.bincount(where, weights=np.asarray(correct, dtype=np.float64)) / masses
    blocks: list[tuple[float, float, int]] = []
    for mass, rate in zip(masses.tolist(), rates.tolist(), strict=True):
        block = (rate, mass, 1)
        while blocks and blocks[-1][0] >= block[0]:
            block = _pooled(blocks.pop(), block)
        blocks.append(block)
    fitted = np.repeat([block[0] for block in blocks], [block[2] for block in blocks]).clip(0, 1)
    kept = _corners(fitted)
    return IsotonicCurve(tuple(points[kept].tolist()), tuple(fitted[kept].tolist()))


def _pooled(left: tuple[float, float, int], right: tuple[float, float, int]) -> tuple[float, float, int]:
    """Two adjacent blocks (rate, mass, points) as one."""
    mass = left[1] + right[1]
    return (left[0] * left[1] + right[0] * right[1]) / mass, mass, left[2] + right[2]


def _corners(fitted: Floats) -> NDArray[np.bool_]:
    """The first and the last point of every level: the others are between two equal ones."""
    kept = np.ones(len(fitted), dtype=np.bool_)
    kept[1:-1] = (fitted[1:-1] != fitted[:-2]) | (fitted[1:-1] != fitted[2:])
    return kept
