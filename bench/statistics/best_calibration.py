"""Whether chances of being best come true, checked on runs that the chances did not see.

Half of each replicated arm's runs, with a model of other issues, predict which arm will have the highest mean in the
other half; arms that tie there share the place, in the prediction and in what is found alike.
"""

from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from bench.statistics.arms import Arms, arms_of
from bench.statistics.components import SINGLE_RUNS
from bench.statistics.errors import NotIdentifiedError, UnsupportedError
from bench.statistics.halves import Halves
from bench.statistics.normal_model import draw_values, fit_normal_model
from bench.statistics.outcomes import Outcome, pass_own_budget
from bench.statistics.pass_model import draw_passes, fit_pass_model
from bench.statistics.posterior import is_binary, share_of_best
from bench.statistics.table import BenchTable, Floats

FOLDS: Final = 5
FITS: Final = 20
EACH: Final = 10


class CalibrationBin(NamedTuple):
    """Arms with similar predictions."""

    arms: int
    predicted: float
    found: float
    error: float
    """Standard error of found − predicted, over issues."""


def best_calibration(
    table: BenchTable, *, seed: int, outcome: Outcome | None = None, bins: int = 6
) -> tuple[CalibrationBin, ...]:
    """Bins of about as many arms each, by ascending prediction.

    A `NotIdentifiedError` where no arm was run twice, an `UnsupportedError` with fewer than ten issues.
    """
    told = outcome or pass_own_budget(table)
    every = arms_of(table, told.values)
    if not every.replicated:
        raise NotIdentifiedError(SINGLE_RUNS)
    arms = every.pick(every.runs >= 2)
    if arms.n_issues < 2 * FOLDS:
        raise UnsupportedError(f"{arms.n_issues} issues have replicated arms; {2 * FOLDS} are needed")
    rng = np.random.default_rng([seed, 53])
    runs = Halves(table, arms, told.values)
    first = runs.deal(rng)
    (seen, mean), held_out = runs.split(first)
    half = replace(arms, runs=seen, mean=mean, spread=seen * mean * (1 - mean))
    fold = rng.permutation(arms.n_issues) % FOLDS
    predicted, found = np.zeros(len(seen)), share_of_best(held_out[None, :], arms.case)[0]
    for number in range(FOLDS):
        here = fold[arms.issue] == number
        predicted[here] = _predict(arms.pick(~here), half.pick(here), (arms.runs - seen)[here], rng)
    return _binned(arms, predicted, found, bins)


def _predict(train: Arms, half: Arms, left: Floats, rng: np.random.Generator) -> Floats:
    """Chance of each arm of `half` to have the highest mean in its `left` other runs."""
    if is_binary(train):
        draws = draw_passes(fit_pass_model(train), half, rng, fits=FITS, each=EACH)
        future = rng.binomial(left.astype(np.int64), draws) / left
    else:
        model = fit_normal_model(train)
        draws = draw_values(model, half, rng, FITS * EACH)
        future = draws + np.sqrt(model.variances.within / left) * rng.standard_normal(draws.shape)
    chance: Floats = share_of_best(future, half.case).mean(axis=0)
    return chance


def _binned(arms: Arms, predicted: Floats, found: Floats, bins: int) -> tuple[CalibrationBin, ...]:
    edges = np.quantile(predicted, np.linspace(0, 1, bins + 1)[1:-1])
    place = np.searchsorted(edges, predicted, side="right")
    binned = []
    for number in np.unique(place):
        here = place == number
        off = np.bincount(arms.issue[here], weights=(found - predicted)[here])
        count = int(here.sum())
        error = float(np.sqrt((off**2).sum()) / count)
        binned.append(CalibrationBin(count, float(predicted[here].mean()), float(found[here].mean()), error))
    return tuple(binned)
