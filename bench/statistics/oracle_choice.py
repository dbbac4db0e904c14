"""What the best arm of each case is worth at least: chosen on one half of its runs, scored on the other.

An arm's runs are dealt into two halves. The choice sees one half and what a model of *other* issues says of the
actions; the score is the chosen arm's mean over the half that the choice did not see, so it is unbiased for that
arm's true value, and no arm's true value exceeds the oracle's. Halves swap roles, and several seeded deals are
averaged. An arm with a single run is chosen by its action alone and scored on that run: with one run everywhere
the bound is that of the best fixed actions.
"""

from typing import Final

import numpy as np

from bench.statistics.arms import Arms
from bench.statistics.components import Variances, variances
from bench.statistics.errors import NotIdentifiedError
from bench.statistics.halves import Halves
from bench.statistics.normal_model import NormalModel, expected_order, fit_normal_model
from bench.statistics.table import BenchTable, Bools, Floats, Ints

DEALS: Final = 8
FOLDS: Final = 5


def cross_fitted_best(table: BenchTable, arms: Arms, values: Floats, *, seed: int) -> Floats:
    """(C,) for each case of `arms` the value of an arm chosen without what scores it."""
    rng = np.random.default_rng([seed, 52])
    fold = rng.permutation(arms.n_issues) % FOLDS
    models = [_model_without(arms, fold[arms.issue] == number) for number in range(FOLDS)]
    runs = Halves(table, arms, values)
    total = np.zeros(arms.n_cases)
    for _ in range(DEALS):
        first = runs.deal(rng)
        for half in (first, ~first):
            seen, score = runs.split(half)
            order = _expected(models, arms, fold, *seen)
            total += _score(arms.case, order, score)
    return total / (2 * DEALS)


def _model_without(arms: Arms, left_out: Bools) -> NormalModel:
    """The model of the other issues; where they are too few, one in which only an arm's own runs speak."""
    known = ~left_out
    try:
        train = arms.pick(known)
        if train.replicated:
            return fit_normal_model(train)
        # Without replicates noise and interaction are one: leave all of it to noise, and trust the actions.
        found = variances(train, within=0.0)
        return fit_normal_model(train, found._replace(within=found.interaction, interaction=0.0))
    except NotIdentifiedError:
        effects = np.zeros(1 + len(arms.cells))
        return NormalModel(effects, np.zeros((len(effects), len(effects))), Variances(1.0, 1.0, 1.0, 1.0))


def _expected(models: list[NormalModel], arms: Arms, fold: Ints, runs: Floats, mean: Floats) -> Floats:
    found = np.empty(len(runs))
    for number, model in enumerate(models):
        here = fold[arms.issue] == number
        found[here] = expected_order(model, arms.issue[here], arms.action[here], runs[here], mean[here])
    return found


def _score(case: Ints, order: Floats, score: Floats) -> Floats:
    """(C,) the mean score of the arms that stand first, ties taken together."""
    starts = np.flatnonzero(np.diff(case, prepend=-1))
    first = order >= np.maximum.reduceat(order, starts)[case] - 1e-12
    scores: Floats = np.bincount(case, weights=first * score) / np.bincount(case, weights=first)
    return scores
