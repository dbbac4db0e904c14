from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchmetrics.functional.classification.calibration_error import _ce_compute, binary_calibration_error

from planner.actions import JOB_TYPES
from planner.errors import PlannerError
from planner.evaluation.calibration import (
    BINS,
    HIGHEST_TEMPERATURE,
    LOWEST_TEMPERATURE,
    calibrate_heads,
    ece,
    fit_cell_temperature,
    fit_temperatures,
    mce,
    reliability,
)
from planner.space.heads import (
    HEAD_OFFSETS,
    HEAD_SIZES,
    HEADS,
    N_CELLS,
    N_LOGITS,
    ValidityMaskBuilder,
    valid_cells,
)

Arrays = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]


def honest_labels(rng: np.random.Generator, logits: Any, job_types: Any) -> Any:
    """Labels drawn from the very probabilities of `logits`, head by head among the open classes."""
    drawn = []
    for head_index in range(len(HEADS)):
        masks = np.array([ValidityMaskBuilder.heads(job_type)[head_index] for job_type in JOB_TYPES])
        own = logits[:, HEAD_OFFSETS[head_index] : HEAD_OFFSETS[head_index] + HEAD_SIZES[head_index]]
        noisy = np.where(masks[job_types], own + rng.gumbel(size=own.shape), -np.inf)
        drawn.append(noisy.argmax(axis=1))
    return np.ravel_multi_index(tuple(drawn), HEAD_SIZES)


@pytest.fixture(scope="module")
def overconfident() -> Arrays:
    """A model three times as sure as it should be: (logits, labels, job types)."""
    rng = np.random.default_rng(7)
    job_types = rng.integers(0, len(JOB_TYPES), 4000).astype(np.int8)
    logits = rng.normal(size=(4000, N_LOGITS)) * 2
    return logits * 3, honest_labels(rng, logits, job_types), job_types


def test_each_temperature_undoes_the_models_overconfidence(overconfident: Any) -> None:
    assert all(abs(temperature - 3) < 0.25 for temperature in fit_temperatures(*overconfident).values())


def test_no_other_temperature_has_a_lower_nll(overconfident: Arrays) -> None:
    best = fit_temperatures(*overconfident)
    reached = calibrate_heads(*overconfident, best)
    for factor in (0.5, 0.9, 0.98, 1.02, 1.1, 2):
        other = calibrate_heads(*overconfident, {head: value * factor for head, value in best.items()})
        assert all(reached[head].nll < other[head].nll for head in HEADS)


def test_calibration_errors_fall_on_every_head(overconfident: Arrays) -> None:
    before = calibrate_heads(*overconfident, dict.fromkeys(HEADS, 1.0))
    after = calibrate_heads(*overconfident, fit_temperatures(*overconfident))
    for head in HEADS:
        assert after[head].ece < 0.03 < 0.1 < before[head].ece
        assert after[head].mce < before[head].mce


def test_closed_classes_and_rows_without_a_choice_change_nothing(overconfident: Arrays) -> None:
    logits, labels, job_types = overconfident
    spoiled = logits.copy()
    code = job_types == JOB_TYPES.index("code")
    spoiled[np.ix_(code, np.arange(HEAD_OFFSETS[3], N_LOGITS))] += 50
    assert fit_temperatures(spoiled, labels, job_types) == fit_temperatures(logits, labels, job_types)


def test_a_head_without_a_choice_keeps_one(overconfident: Arrays) -> None:
    logits, labels, job_types = overconfident
    code = job_types == JOB_TYPES.index("code")
    temperature = fit_temperatures(logits[code], labels[code], job_types[code])
    assert temperature["iterations"] == 1.0
    assert temperature["swarm"] != 1.0
    assert np.isnan(
        calibrate_heads(logits[code], labels[code], job_types[code], temperature)["iterations"].ece
    )


def test_an_empty_split_keeps_one() -> None:
    empty = np.zeros(0, dtype=np.int8)
    assert fit_temperatures(np.zeros((0, N_LOGITS)), empty, empty) == dict.fromkeys(HEADS, 1.0)


def test_labels_that_are_all_met_or_all_missed_end_at_the_bounds() -> None:
    logits = np.tile(np.eye(N_LOGITS)[0] * 4, (50, 1))
    job_types = np.zeros(50, dtype=np.int8)
    met, missed = np.zeros(50, dtype=np.int16), np.full(50, N_CELLS // 2, dtype=np.int16)
    assert fit_temperatures(logits, met, job_types)["swarm"] == pytest.approx(LOWEST_TEMPERATURE, rel=1e-4)
    assert fit_temperatures(logits, missed, job_types)["swarm"] == pytest.approx(
        HIGHEST_TEMPERATURE, rel=1e-4
    )


def test_scores_of_whole_actions_have_one_temperature() -> None:
    rng = np.random.default_rng(3)
    job_types = np.zeros(3000, dtype=np.int8)
    scores = rng.normal(size=(3000, N_CELLS))
    open_cells = valid_cells("code")
    labels = open_cells[(scores[:, open_cells] + rng.gumbel(size=(3000, len(open_cells)))).argmax(axis=1)]
    assert fit_cell_temperature(scores * 2.5, labels, job_types) == pytest.approx(2.5, rel=0.1)


def test_numbers_that_are_not_finite_are_refused() -> None:
    logits = np.full((3, N_LOGITS), np.nan)
    with pytest.raises(PlannerError, match="finite logits"):
        fit_temperatures(logits, np.zeros(3, dtype=np.int16), np.zeros(3, dtype=np.int8))


@pytest.mark.parametrize(("own", "norm"), [(ece, "l1"), (mce, "max")])
def test_errors_equal_torchmetrics_where_equal_mass_is_equal_width(own: Any, norm: Any) -> None:
    rng = np.random.default_rng(11)
    confidence = (np.arange(1500) + 0.5) / 1500
    correct = rng.random(1500) < confidence**2
    oracle = binary_calibration_error(
        torch.tensor(confidence), torch.tensor(correct).int(), n_bins=BINS, norm=norm
    )
    assert own(confidence, correct) == pytest.approx(float(oracle), abs=1e-6)


@pytest.mark.parametrize(("own", "norm"), [(ece, "l1"), (mce, "max")])
def test_errors_equal_torchmetrics_given_the_same_bins(own: Any, norm: Any) -> None:
    rng = np.random.default_rng(12)
    confidence = rng.beta(5, 2, 1000)
    correct = rng.random(1000) < confidence * 0.8
    ranked = np.sort(confidence)
    inner = ranked[np.arange(1, BINS) * 1000 // BINS]
    edges = torch.tensor(np.concatenate([[0], inner, [1]]))
    oracle = _ce_compute(torch.tensor(confidence), torch.tensor(correct).double(), edges, norm=norm)
    assert own(confidence, correct) == pytest.approx(float(oracle), abs=1e-9)


def test_bins_have_equal_mass_and_the_order_of_examples_does_not_matter() -> None:
    rng = np.random.default_rng(13)
    confidence = np.round(rng.random(997), 2)
    correct = rng.random(997) < 0.5
    shuffled = rng.permutation(997)
    assert ece(confidence, correct) == pytest.approx(ece(confidence[shuffled], correct[shuffled]), abs=1e-12)
    mass = reliability(rng.random(997), correct).mass
    assert mass.sum() == 997
    assert set(mass) <= {66, 67}


def test_a_constant_confidence_has_one_bin() -> None:
    correct = np.array([1, 1, 0, 0, 0])
    assert ece(np.full(5, 0.9), correct) == pytest.approx(0.5)
    assert len(reliability(np.full(5, 0.9), correct).mass) == 1
