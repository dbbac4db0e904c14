"""Calibration: temperature scaling by head, reliability curves, and calibration errors (ECE, MCE).

Sources: Guo, Pleiss, Sun, Weinberger, *On Calibration of Modern Neural Networks* (2017), for temperature
scaling, ECE and MCE; Nguyen, O'Connor, *Posterior calibration and exploratory analysis* (2015), for bins of
equal mass.
"""

from collections.abc import Callable
from math import exp, log, sqrt
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from planner.actions import JOB_TYPES
from planner.errors import PlannerError
from planner.space.heads import (
    HEAD_OFFSETS,
    HEAD_SIZES,
    HEADS,
    N_CELLS,
    N_LOGITS,
    ValidityMaskBuilder,
    valid_cells,
)

BINS: Final = 15
LOWEST_TEMPERATURE: Final = 0.05
HIGHEST_TEMPERATURE: Final = 20.0
_GOLDEN: Final = (sqrt(5) - 1) / 2
_TOLERANCE: Final = 1e-6

Floats = NDArray[np.floating]


class HeadCalibration(NamedTuple):
    """Calibration of one head: mean negative log-likelihood in nats, ECE and MCE in 0..1."""

    nll: float
    ece: float
    mce: float


class Bins(NamedTuple):
    """Reliability curve: one entry a non-empty bin, by ascending confidence; each (bins,)."""

    mass: NDArray[np.int64]
    """Number of examples."""
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def fit_temperatures(
    logits: Floats, hard_cells: NDArray[np.integer], job_types: NDArray[np.integer]
) -> dict[str, float]:
    """Temperature scaling: fit the temperature of each head by maximum likelihood of the labels.

    `logits` (N, 17) are unscaled, `hard_cells` (N,) are the labels among the 240 cells, `job_types` (N,) index
    `JOB_TYPES`; N should be the whole validation split. Classes that a job type never uses are masked. The search is
    bounded to 0.05..20, as a perfect fit would drive a temperature to 0.

    Returns a temperature by head; 1.0 for a head without a choice and for an empty split. Raises `PlannerError` for
    logits that are not finite.
    """
    _check(logits, hard_cells, job_types)
    return {
        head: _best_temperature(*_head_rows(logits, hard_cells, job_types, index))
        for index, head in enumerate(HEADS)
    }


def fit_cell_temperature(
    scores: Floats, hard_cells: NDArray[np.integer], job_types: NDArray[np.integer]
) -> float:
    """Temperature scaling for a policy that scores whole actions: `scores` (N, 240), else as `fit_temperatures`."""
    _check(scores, hard_cells, job_types, width=N_CELLS)
    return _best_temperature(*_cell_rows(scores, hard_cells, job_types))


def calibrate_heads(
    logits: Floats,
    hard_cells: NDArray[np.integer],
    job_types: NDArray[np.integer],
    temperatures: dict[str, float],
) -> dict[str, HeadCalibration]:
    """Calibration errors of each head at these temperatures, over the rows where it has a choice, else NaN.

    Temperatures of 1.0 give the errors before calibration. Arguments are those of `fit_temperatures`.
    """
    _check(logits, hard_cells, job_types)
    return {
        head: _calibration(*_head_rows(logits, hard_cells, job_types, index), temperatures[head])
        for index, head in enumerate(HEADS)
    }


def reliability(confidence: Floats, correct: NDArray[np.generic], bins: int = BINS) -> Bins:
    """Reliability curve with bins of equal mass over confidence (N,); `correct` (N,) is 0, 1 or a probability.

    Equal confidences share a bin: the order of examples has no effect, and a constant confidence gives one bin.
    """
    values = np.asarray(confidence, dtype=np.float64)
    if values.size == 0:
        return Bins(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    edges = np.sort(values)[(np.arange(1, bins) * values.size) // bins]
    bin_of = np.searchsorted(edges, values, side="right")
    count = np.bincount(bin_of, minlength=bins)
    filled = count > 0
    right = np.bincount(bin_of, weights=np.asarray(correct, dtype=np.float64), minlength=bins)
    sure = np.bincount(bin_of, weights=values, minlength=bins)
    return Bins(count[filled], sure[filled] / count[filled], right[filled] / count[filled])


def ece(confidence: Floats, correct: NDArray[np.generic], bins: int = BINS) -> float:
    """Expected calibration error: mean |confidence − accuracy| over bins, weighted by mass; NaN without examples."""
    curve = reliability(confidence, correct, bins)
    if curve.mass.size == 0:
        return float("nan")
    return float(np.average(np.abs(curve.confidence - curve.accuracy), weights=curve.mass))


def mce(confidence: Floats, correct: NDArray[np.generic], bins: int = BINS) -> float:
    """Maximum calibration error: |confidence − accuracy| of the worst bin; NaN without examples."""
    curve = reliability(confidence, correct, bins)
    if curve.mass.size == 0:
        return float("nan")
    return float(np.abs(curve.confidence - curve.accuracy).max())


def _cell_rows(
    scores: Floats, hard_cells: NDArray[np.integer], job_types: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Masked scores (N, 240), invalid cells at −inf, and the labels' cells (N,)."""
    masks = np.zeros((len(JOB_TYPES), scores.shape[1]), dtype=np.bool_)
    for row, job_type in zip(masks, JOB_TYPES, strict=True):
        row[valid_cells(job_type)] = True
    rows = np.where(masks[job_types], np.asarray(scores, dtype=np.float64), -np.inf)
    return rows, hard_cells.astype(np.intp)


def _check(
    logits: Floats, hard_cells: NDArray[np.integer], job_types: NDArray[np.integer], width: int = N_LOGITS
) -> None:
    rows = len(hard_cells)
    if logits.shape != (rows, width) or job_types.shape != (rows,):
        raise ValueError(f"logits must be ({rows}, {width}) for {rows} labels; they are {logits.shape}")
    if not np.isfinite(logits).all():
        raise PlannerError("calibration needs finite logits; the model gave NaN or Inf: train it again")


def _head_rows(
    logits: Floats, hard_cells: NDArray[np.integer], job_types: NDArray[np.integer], head: int
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Rows where one head has a choice: its masked logits, invalid classes at −inf, and the labels' classes."""
    masks = np.array([ValidityMaskBuilder.heads(job_type)[head] for job_type in JOB_TYPES])
    offset, size = HEAD_OFFSETS[head], HEAD_SIZES[head]
    own = np.asarray(logits[:, offset : offset + size], dtype=np.float64)
    labels = np.unravel_index(hard_cells.astype(np.intp), HEAD_SIZES)[head]
    choice = (masks.sum(axis=1) > 1)[job_types]
    return np.where(masks[job_types], own, -np.inf)[choice], labels[choice]


def _best_temperature(rows: NDArray[np.float64], labels: NDArray[np.intp]) -> float:
    if len(labels) == 0:
        return 1.0
    # NLL is convex in 1/T, hence unimodal in log T.
    return exp(
        _lowest(lambda at: _nll(rows / exp(at), labels), log(LOWEST_TEMPERATURE), log(HIGHEST_TEMPERATURE))
    )


def _lowest(value: Callable[[float], float], low: float, high: float) -> float:
    """Golden-section search for the minimum of a unimodal function."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = value(left), value(right)
    while high - low > _TOLERANCE:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = value(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = value(right)
    return (low + high) / 2


def _nll(rows: NDArray[np.float64], labels: NDArray[np.intp]) -> float:
    peak = rows.max(axis=1, keepdims=True)
    spread = np.log(np.exp(rows - peak).sum(axis=1)) + peak[:, 0]
    return float(np.mean(spread - rows[np.arange(len(labels)), labels]))


def _calibration(rows: NDArray[np.float64], labels: NDArray[np.intp], temperature: float) -> HeadCalibration:
    if len(labels) == 0:
        return HeadCalibration(float("nan"), float("nan"), float("nan"))
    scaled = rows / temperature
    weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    confidence = weights.max(axis=1) / weights.sum(axis=1)
    correct = rows.argmax(axis=1) == labels
    return HeadCalibration(_nll(scaled, labels), ece(confidence, correct), mce(confidence, correct))
