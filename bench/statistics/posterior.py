"""Posterior of the arms' true values: draws, summaries by arm, and the probability of being best."""

from typing import Final, NamedTuple

import numpy as np

from bench.statistics.arms import Arms
from bench.statistics.components import SINGLE_RUNS
from bench.statistics.errors import NotIdentifiedError
from bench.statistics.normal_model import draw_values, fit_normal_model
from bench.statistics.pass_model import draw_passes, fit_pass_model
from bench.statistics.table import Bools, Floats, Ints

FITS: Final = 100
EACH: Final = 5
"""The number of draws of the parameters, and of draws of the arms for each of them."""
LEVEL: Final = 0.95


class Posterior(NamedTuple):
    """Posterior summary of the arms (n,) and cases (C,) of an `Arms`."""

    mean: Floats
    low: Floats
    high: Floats
    """Ends of the central 95 % credible interval of an arm's true value."""
    best: Floats
    """Posterior probability that the arm is the best of its case; arms that tie in a draw share it."""
    best_value: Floats
    """(draws, C) the value of the best arm of each case."""


def is_binary(arms: Arms) -> bool:
    """Whether the values are binary: these use the beta-binomial model, all others the normal one."""
    return bool(np.allclose(arms.spread, arms.runs * arms.mean * (1 - arms.mean)))


def posterior_or_why_not(arms: Arms, *, seed: int) -> Posterior | str:
    """The posterior, or one line with the reason why it is not identified."""
    try:
        return posterior(arms, seed=seed)
    except NotIdentifiedError as error:
        return str(error)


def posterior(arms: Arms, *, seed: int, fits: int = FITS, each: int = EACH) -> Posterior:
    """Posterior summary from `fits`·`each` draws.

    Raises: `NotIdentifiedError` where no arm was run twice.
    """
    return summarise(draw(arms, seed=seed, fits=fits, each=each), arms)


def draw(arms: Arms, *, seed: int, fits: int = FITS, each: int = EACH) -> Floats:
    """(fits·each, n) posterior draws of the arms' true values."""
    if not arms.replicated:
        raise NotIdentifiedError(SINGLE_RUNS)
    rng = np.random.default_rng([seed, 51])
    if is_binary(arms):
        return draw_passes(fit_pass_model(arms), arms, rng, fits=fits, each=each)
    return draw_values(fit_normal_model(arms), arms, rng, fits * each)


def summarise(draws: Floats, arms: Arms) -> Posterior:
    """Summary of posterior `draws` (D, n), averaged over twins: issues with identical outcomes get equal figures."""
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
    top = best_of_case(draws, arms.case)
    chance = share_of_best(draws, arms.case).mean(axis=0)
    mean, low, high, chance = (
        _over_twins(arms.twin, part) for part in (draws.mean(axis=0), low, high, chance)
    )
    return Posterior(mean, low, high, chance, top)


def best_of_case(values: Floats, case: Ints) -> Floats:
    """(D, C): the largest of `values` (D, n) in each case; `case` (n,) ascends."""
    largest: Floats = np.maximum.reduceat(values, _starts(case), axis=1)
    return largest


def share_of_best(values: Floats, case: Ints) -> Floats:
    """(D, n): 1 for the arm with the largest of `values` (D, n) in its case, shared among equals; 0 elsewhere."""
    best = values >= best_of_case(values, case)[:, case]
    count = np.add.reduceat(best.astype(np.float64), _starts(case), axis=1)
    shares: Floats = best / count[:, case]
    return shares


def _starts(case: Ints) -> Ints:
    changes: Bools = np.diff(case, prepend=-1) > 0
    return np.flatnonzero(changes)


def _over_twins(twin: Ints, part: Floats) -> Floats:
    means: Floats = (np.bincount(twin, weights=part) / np.bincount(twin))[twin]
    return means
