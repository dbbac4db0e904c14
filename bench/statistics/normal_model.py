"""Empirical-Bayes shrinkage of arms in a normal mixed model (BLUP), for any outcome.

y = level + action + issue + issue×action + noise, all normal, with the variances of `components`. Given the rest,
an arm's deviation is shrunk by s_int²/(s_int² + s_w²/R): best linear unbiased prediction (Henderson 1975).
"""

from typing import NamedTuple

import numpy as np

from bench.statistics.arms import Arms
from bench.statistics.components import Variances, variances
from bench.statistics.table import Floats, Ints


class NormalModel(NamedTuple):
    """Fitted mixed model: the level and the effect of each action, (1 + A,), their covariance, and the variances."""

    parameters: Floats
    covariance: Floats
    variances: Variances


def fit_normal_model(arms: Arms, known: Variances | None = None) -> NormalModel:
    """The fitted mixed model of `arms`; its variance components are estimated where they are not `known`."""
    estimated = (known or variances(arms)).clipped()
    # Exact zeros would divide by zero; a millionth of the total variance changes no published digit.
    least = 1e-6 * max(sum(estimated), 1e-9)
    parts = Variances(*(max(part, least) for part in estimated))
    noise = parts.interaction + parts.within / arms.runs
    design = np.column_stack([np.ones(len(noise)), np.eye(len(arms.cells))[arms.action]])
    sums = np.zeros((arms.n_issues, design.shape[1] + 2))
    np.add.at(sums, arms.issue, np.column_stack([design, arms.mean, np.ones(len(noise))]) / noise[:, None])
    pull = sums / np.sqrt(1 / parts.issue + sums[:, -1:])
    wide, seen = pull[:, :-2], pull[:, -2]
    precision = design.T @ (design / noise[:, None]) - wide.T @ wide
    precision[1:, 1:] += np.eye(len(arms.cells)) / parts.action
    covariance = np.linalg.inv(precision)
    parameters = covariance @ (design.T @ (arms.mean / noise) - wide.T @ seen)
    return NormalModel(parameters, (covariance + covariance.T) / 2, parts)


def draw_values(model: NormalModel, arms: Arms, rng: np.random.Generator, draws: int) -> Floats:
    """(draws, n) posterior draws of the arms' true values."""
    parts = model.variances
    fixed = rng.multivariate_normal(model.parameters, model.covariance, size=draws, method="eigh")
    prior = fixed[:, [0]] + fixed[:, 1:][:, arms.action]
    noise = parts.interaction + parts.within / arms.runs
    weight = np.zeros((arms.n_issues, len(noise)))
    weight[arms.issue, np.arange(len(noise))] = 1 / noise
    precision = 1 / parts.issue + weight.sum(axis=1)
    issue = ((arms.mean - prior) @ weight.T) / precision
    issue += rng.standard_normal(issue.shape) / np.sqrt(precision)
    centre = prior + issue[:, arms.issue]
    share = parts.interaction / noise
    spread = np.sqrt(share * parts.within / arms.runs)
    drawn: Floats = centre + share * (arms.mean - centre) + spread * rng.standard_normal(centre.shape)
    return drawn


def expected_order(model: NormalModel, issue: Ints, action: Ints, runs: Floats, mean: Floats) -> Floats:
    """(n,) posterior mean of each arm's value, without the effect that all arms of its issue share.

    An arm with 0 runs, whatever its mean, has the effect of its action.
    """
    parts = model.variances
    effect = model.parameters[1:][action]
    precision = runs / (parts.interaction * runs + parts.within)
    rest = mean - model.parameters[0] - effect
    pull = np.bincount(issue, weights=precision * rest)
    shared = pull / (1 / parts.issue + np.bincount(issue, weights=precision))
    expected: Floats = effect + parts.interaction * precision * (rest - shared[issue])
    return expected
