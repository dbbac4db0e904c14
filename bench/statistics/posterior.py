"""Posterior of the arms' true values: draws, summaries by arm, and the probability of being best."""

from typing import Final, NamedTuple

import numpy as np

from bench.statistics.arms import Arms
from bench.statistics.components import SINGLE_RUNS
from bench.statistics.errors import NotIdentifiedError
from bench.statistics.normal_model import draw_values, fit_normal_model
from bench.statistics.pass_model import WEAK, RunPrior, draw_passes, fit_pass_model
from bench.statistics.table import Bools, Floats, Ints

FITS: Final = 100
EACH: Final = 5
"""The number of draws of the parameters, and of draws of the arms for each of them."""
LEVEL: Final = 0.95
RESOLUTION: Final = 0.01
"""Pass rates within a point of the highest tie with it. On most issues several arms pass always, or none passes: their
rates differ by nothing that a user would pay for, and by something in every draw of a continuous posterior."""


class Posterior(NamedTuple):
    """Posterior summary of the arms (n,) and cases (C,) of an `Arms`."""

    mean: Floats
    low: Floats
    high: Floats
    """Ends of the central 95 % credible interval of an arm's true value."""
    best: Floats
    """Posterior probability that the arm is the best of its case; arms that tie for it share it equally."""
    best_value: Floats
    """(draws, C) the value of the best arm of each case."""


def is_binary(arms: Arms) -> bool:
    """Whether the values are binary: these use the beta-binomial model, all others the normal one."""
    return bool(np.allclose(arms.spread, arms.runs * arms.mean * (1 - arms.mean)))


def posterior_or_why_not(arms: Arms, *, seed: int, prior: RunPrior | None = None) -> Posterior | str:
    """The posterior, or one line with the reason why it is not identified."""
    try:
        return posterior(arms, seed=seed, prior=prior)
    except NotIdentifiedError as error:
        return str(error)


def posterior(
    arms: Arms, *, seed: int, fits: int = FITS, each: int = EACH, prior: RunPrior | None = None
) -> Posterior:
    """Posterior summary from `fits`·`each` draws. `prior`, of pass rates, is for arms that were run once each.

    Raises: `NotIdentifiedError` where no arm was run twice, unless `prior` is given and the values are binary.
    """
    return summarise(draw(arms, seed=seed, fits=fits, each=each, prior=prior), arms)


def draw(
    arms: Arms, *, seed: int, fits: int = FITS, each: int = EACH, prior: RunPrior | None = None
) -> Floats:
    """(fits·each, n) posterior draws of the arms' true values; as `posterior`."""
    binary = is_binary(arms)
    if not arms.replicated and not (prior and binary and arms.n_issues):
        raise NotIdentifiedError(SINGLE_RUNS)
    rng = np.random.default_rng([seed, 51])
    if binary:
        return draw_passes(fit_pass_model(arms, prior or WEAK), arms, rng, fits=fits, each=each)
    return draw_values(fit_normal_model(arms), arms, rng, fits * each)


def summarise(draws: Floats, arms: Arms) -> Posterior:
    """Summary of posterior `draws` (D, n), averaged over twins: issues with identical outcomes get equal figures.

    Pass rates tie within `RESOLUTION`, other values where they are equal.
    """
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
    top = best_of_case(draws, arms.case)
    chance = share_of_best(draws, arms.case, RESOLUTION if is_binary(arms) else 0.0).mean(axis=0)
    mean, low, high, chance = (
        _over_twins(arms.twin, part) for part in (draws.mean(axis=0), low, high, chance)
    )
    return Posterior(mean, low, high, chance, top)


def best_of_case(values: Floats, case: Ints) -> Floats:
    """(D, C): the largest of `values` (D, n) in each case; `case` (n,) ascends."""
    largest: Floats = np.maximum.reduceat(values, _starts(case), axis=1)
    return largest


def share_of_best(values: Floats, case: Ints, within: float = 0.0) -> Floats:
    """(D, n): 1 for the arm with the largest of `values` (D, n) in its case, shared equally among those at most
    `within` below it; 0 elsewhere."""
    best = values >= best_of_case(values, case)[:, case] - within
    count = np.add.reduceat(best.astype(np.float64), _starts(case), axis=1)
    shares: Floats = best / count[:, case]
    return shares


def _starts(case: Ints) -> Ints:
    changes: Bools = np.diff(case, prepend=-1) > 0
    return np.flatnonzero(changes)


def _over_twins(twin: Ints, part: Floats) -> Floats:
    means: Floats = (np.bincount(twin, weights=part) / np.bincount(twin))[twin]
    return means
