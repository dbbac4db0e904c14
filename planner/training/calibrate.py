"""Calibration of a trained network, by temperatures and an isotonic curve, with validation metrics before and after."""

from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.actions import JOB_TYPES, all_cells, canonical_rank
from planner.dataset.arrays import EncodedExamples
from planner.evaluation.calibration import calibrate_heads, ece, fit_cell_temperature, fit_temperatures, mce
from planner.evaluation.decisions import Decisions
from planner.evaluation.isotonic import fit_isotonic
from planner.evaluation.metrics import label_metrics
from planner.policies.outcome_choice import PASS_MEAN
from planner.space.heads import HEADS, incidence
from planner.space.isotonic import IsotonicCurve, with_calibrated_column
from planner.training.decoding import UNCALIBRATED, Decoding
from planner.training.networks.network import OutputForm

Json = dict[str, Any]
Floats = NDArray[np.float32]
_THRESHOLD = 0.6


def fit(form: OutputForm, numbers: Floats, val: EncodedExamples) -> dict[str, float]:
    """Fit the temperature of each head on the hard labels of a split, given the network's outputs (N, …).

    A network that scores whole actions has a single temperature, repeated for every head. An outcome model is not
    calibrated: its temperatures are 1.0.
    """
    if form == "heads":
        return fit_temperatures(numbers, val.hard_cells, val.job_types)
    if form == "cells":
        return dict.fromkeys(HEADS, fit_cell_temperature(numbers, val.hard_cells, val.job_types))
    return dict(UNCALIBRATED)


def fit_curve(decoding: Decoding, numbers: Floats, val: EncodedExamples) -> IsotonicCurve:
    """Fit the isotonic curve on a split, on top of the temperatures of `decoding`.

    For an outcome model it maps P(pass) of the executed actions to whether they passed, else the probability of the
    chosen action to whether it is the hard label.
    """
    if decoding.form == "outcomes":
        return fit_isotonic(numbers[val.outcomes.example, val.outcomes.cell, PASS_MEAN], val.outcomes.passed)
    decided = _decisions(decoding, numbers, val)
    return fit_isotonic(decided.probability, decided.cells == val.hard_cells)


def figures(decoding: Decoding, numbers: Floats, val: EncodedExamples) -> Json:
    """Label metrics and calibration errors on a split, as JSON values; NaN is None."""
    metrics = label_metrics(_decisions(decoding, numbers, val), val, _THRESHOLD)
    if decoding.form == "heads":
        by_head = calibrate_heads(numbers, val.hard_cells, val.job_types, dict(decoding.temperatures))
        metrics["calibration"] = {head: errors._asdict() for head, errors in by_head.items()}
    if decoding.form == "outcomes":
        shown = with_calibrated_column(numbers, PASS_MEAN, decoding.isotonic)
        chance = shown[val.outcomes.example, val.outcomes.cell, PASS_MEAN]
        metrics["calibration"] = {
            "passed": {"ece": ece(chance, val.outcomes.passed), "mce": mce(chance, val.outcomes.passed)}
        }
    result: Json = _without_nan(metrics)
    return result


def _decisions(decoding: Decoding, numbers: Floats, val: EncodedExamples) -> Decisions:
    cells, rows = [], []
    for row, index, baseline in zip(numbers, val.job_types, val.baseline_cells, strict=True):
        job_type = JOB_TYPES[index]
        decoded = decoding.decode(row, job_type, all_cells()[baseline])
        best = int(decoded.probabilities.argmax())
        used = incidence(job_type)
        cells.append(canonical_rank(decoded.action))
        # The confidence is that of the calibrated probability.
        chosen = (
            decoded.probabilities[best] if decoding.isotonic is None else decoded.confidence ** len(HEADS)
        )
        rows.append([chosen, *(decoded.probabilities @ used)[used[best] > 0]])
    columns = np.minimum(np.array(rows), 1.0)
    return Decisions("trained", np.array(cells, np.int16), columns[:, 0], columns[:, 1:])


def _without_nan(document: Any) -> Any:
    """Replace NaN by None, as JSON has no NaN."""
    if isinstance(document, dict):
        return {key: _without_nan(value) for key, value in document.items()}
    return None if isinstance(document, float) and isnan(document) else document
