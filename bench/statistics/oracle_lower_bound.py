"""Cross-fitted lower bound of the oracle's value: the best arm is chosen on one half of the runs, scored on the other.

An arm's runs are split at random into two halves. The choice uses one half and a model of *other* issues; the score
is the chosen arm's mean over the other half, so it is unbiased for that arm's true value, and no arm's true value
exceeds the oracle's. The halves swap roles, and several seeded splits are averaged. An arm with a single run is
chosen by its action alone and scored on that run: with one run everywhere the bound is that of the best fixed
actions.
"""

from typing import Final

import numpy as np

from bench.statistics.arms import Arms
from bench.statistics.components import Variances, variances
from bench.statistics.errors import NotIdentifiedError
from bench.statistics.normal_model import NormalModel, expected_order, fit_normal_model
from bench.statistics.sample_split import SampleSplit
from bench.statistics.table import BenchTable, Bools, Floats, Ints

DEALS: Final = 8
FOLDS: Final = 5


def cross_fitted_best(table: BenchTable, arms: Arms, values: Floats, *, seed: int) -> Floats:
    """(C,) for each case of `arms`, the value of an arm chosen independently of the runs that score it."""
    rng = np.random.default_rng([seed, 52])
    fold = rng.permutation(arms.n_issues) % FOLDS
    models = [_model_without(arms, fold[arms.issue] == number) for number in range(FOLDS)]
    runs = SampleSplit(table, arms, values)
    total = np.zeros(arms.n_cases)
    for _ in range(DEALS):
        first = runs.deal(rng)
        for half in (first, ~first):
            seen, score = runs.split(half)
            order = _expected(models, arms, fold, *seen)
            total += _score(arms.case, order, score)
    return total / (2 * DEALS)


def _model_without(arms: Arms, left_out: Bools) -> NormalModel:
    """The model of the other issues; where they are too few, one that uses an arm's own runs alone."""
    known = ~left_out
    try:
        train = arms.pick(known)
        if train.replicated:
            return fit_normal_model(train)
        # Without replicates noise and interaction are confounded: attribute all of it to noise.
        estimated = variances(train, within=0.0)
        return fit_normal_model(train, estimated._replace(within=estimated.interaction, interaction=0.0))
    except NotIdentifiedError:
        effects = np.zeros(1 + len(arms.cells))
        return NormalModel(effects, np.zeros((len(effects), len(effects))), Variances(1.0, 1.0, 1.0, 1.0))


def _expected(models: list[NormalModel], arms: Arms, fold: Ints, runs: Floats, mean: Floats) -> Floats:
    expected = np.empty(len(runs))
    for number, model in enumerate(models):
        here = fold[arms.issue] == number
        expected[here] = expected_order(model, arms.issue[here], arms.action[here], runs[here], mean[here])
    return expected


def _score(case: Ints, order: Floats, score: Floats) -> Floats:
    """(C,) the mean score of the arms ranked first by `order`, averaged over ties."""
    starts = np.flatnonzero(np.diff(case, prepend=-1))
    first = order >= np.maximum.reduceat(order, starts)[case] - 1e-12
    scores: Floats = np.bincount(case, weights=first * score) / np.bincount(case, weights=first)
    return scores
