"""Calibration of the posterior probability of being best, on held-out runs.

Half of each replicated arm's runs, with a model of other issues, predict which arm has the highest mean in the other
half; arms that tie for it share it equally, both in the prediction and in the observed frequency.
"""

from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from bench.statistics.arms import Arms, arms_of
from bench.statistics.components import SINGLE_RUNS
from bench.statistics.errors import NotIdentifiedError, UnsupportedError
from bench.statistics.normal_model import draw_values, fit_normal_model
from bench.statistics.outcomes import Outcome, pass_own_budget
from bench.statistics.pass_model import draw_passes, fit_pass_model
from bench.statistics.posterior import is_binary, share_of_best
from bench.statistics.sample_split import SampleSplit
from bench.statistics.table import BenchTable, Floats

FOLDS: Final = 5
FITS: Final = 20
EACH: Final = 10


class CalibrationBin(NamedTuple):
    """One bin of a reliability diagram: arms with similar predicted probabilities."""

    arms: int
    predicted: float
    """Mean predicted probability."""
    observed: float
    """Observed frequency."""
    error: float
    """Standard error of observed − predicted, clustered by issue."""


def best_calibration(
    table: BenchTable, *, seed: int, outcome: Outcome | None = None, bins: int = 6
) -> tuple[CalibrationBin, ...]:
    """Calibration bins of about equally many arms, by ascending prediction.

    Raises: `NotIdentifiedError` where no arm was run twice, `UnsupportedError` with fewer than ten issues.
    """
    outcome = outcome or pass_own_budget(table)
    every = arms_of(table, outcome.values)
    if not every.replicated:
        raise NotIdentifiedError(SINGLE_RUNS)
    arms = every.pick(every.runs >= 2)
    if arms.n_issues < 2 * FOLDS:
        raise UnsupportedError(f"{arms.n_issues} issues have replicated arms; {2 * FOLDS} are needed")
    rng = np.random.default_rng([seed, 53])
    runs = SampleSplit(table, arms, outcome.values)
    first = runs.deal(rng)
    (seen, mean), held_out = runs.split(first)
    half = replace(arms, runs=seen, mean=mean, spread=seen * mean * (1 - mean))
    fold = rng.permutation(arms.n_issues) % FOLDS
    predicted, observed = np.zeros(len(seen)), share_of_best(held_out[None, :], arms.case)[0]
    for number in range(FOLDS):
        here = fold[arms.issue] == number
        predicted[here] = _predict(arms.pick(~here), half.pick(here), (arms.runs - seen)[here], rng)
    return _binned(arms, predicted, observed, bins)


def _predict(train: Arms, half: Arms, left: Floats, rng: np.random.Generator) -> Floats:
    """Predictive probability that each arm of `half` has the highest mean in its `left` other runs."""
    if is_binary(train):
        draws = draw_passes(fit_pass_model(train), half, rng, fits=FITS, each=EACH)
        future = rng.binomial(left.astype(np.int64), draws) / left
    else:
        model = fit_normal_model(train)
        draws = draw_values(model, half, rng, FITS * EACH)
        future = draws + np.sqrt(model.variances.within / left) * rng.standard_normal(draws.shape)
    chance: Floats = share_of_best(future, half.case).mean(axis=0)
    return chance


def _binned(arms: Arms, predicted: Floats, observed: Floats, bins: int) -> tuple[CalibrationBin, ...]:
    edges = np.quantile(predicted, np.linspace(0, 1, bins + 1)[1:-1])
    bin_of_arm = np.searchsorted(edges, predicted, side="right")
    binned = []
    for number in np.unique(bin_of_arm):
        here = bin_of_arm == number
        off = np.bincount(arms.issue[here], weights=(observed - predicted)[here])
        count = int(here.sum())
        error = float(np.sqrt((off**2).sum()) / count)
        binned.append(
            CalibrationBin(count, float(predicted[here].mean()), float(observed[here].mean()), error)
        )
    return tuple(binned)
