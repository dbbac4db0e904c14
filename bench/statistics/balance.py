"""Balance test of importance weights: their mean is 1 where the arms were drawn with the stored probabilities."""

from typing import Final, NamedTuple

import numpy as np

from bench.statistics.logs import design_weights
from bench.statistics.table import BenchTable, Floats

_EXACT: Final = 1e-9


class Balance(NamedTuple):
    """The mean weight of a policy, whose expectation is 1."""

    mean: float
    """Mean over cases of Σ_a w."""
    error: float
    """Its standard error under the stored probabilities."""
    chance: float
    """Upper bound of P(a mean at least this far from 1) under the stored probabilities."""


def weight_balance(table: BenchTable, policy: Floats) -> Balance:
    """The test of the mean weight of `policy` (N, 240), by Bernstein's inequality.

    Weights are skewed: few arms, each with a large weight. A normal approximation rejects honest draws too often, while
    the inequality holds for every distribution with this variance and this largest term (Boucheron, Lugosi, Massart,
    *Concentration Inequalities*, 2013, corollary 2.11).
    """
    cases = len(table.cases)
    weights = design_weights(table, policy)
    sums = np.bincount(table.arm_case, weights, minlength=cases)
    # The unsupported part of a policy has a check of its own.
    expected = np.where(table.chances > 0, policy, 0.0).sum(axis=1)
    off = float((sums - expected).sum())
    variance = max(_design_variance(table, policy, weights), float(((sums - sums.mean()) ** 2).sum()))
    largest = float(_largest_sums(table, policy).max(initial=1.0))
    exponent = off**2 / 2 / (variance + largest * abs(off) / 3) if abs(off) > _EXACT * cases else 0.0
    return Balance(
        float(sums.mean()), float(np.sqrt(variance)) / cases, min(1.0, 2 * float(np.exp(-exponent)))
    )


def _design_variance(table: BenchTable, policy: Floats, weights: Floats) -> float:
    """Variance of the sum of weights: Σ_a π_e²(1 − π)/π, known exactly, plus the Horvitz–Thompson estimate of the
    covariances of two arms, which is 0 for a pair whose joint probability is not known.
    """
    supported = table.chances > 0
    chances = np.where(supported, table.chances, 1.0)
    own = float((policy**2 * (1 - chances) / chances).sum())
    if table.pairs is None:
        return own
    first, second, joint = table.pairs
    known = np.isfinite(joint) & (joint > 0)
    first, second, joint = first[known], second[known], joint[known]
    apart = table.propensity[first] * table.propensity[second]
    return max(0.0, own + 2 * float((weights[first] * weights[second] * (1 - apart / joint)).sum()))


def _largest_sums(table: BenchTable, policy: Floats) -> Floats:
    """(N,) the largest possible sum of weights of each case, over all sets of as many arms as a case has at most."""
    ratios = np.divide(policy, table.chances, where=table.chances > 0, out=np.zeros_like(policy))
    arms = int(np.bincount(table.arm_case, minlength=1).max())
    largest: Floats = -np.sort(-ratios, axis=1)[:, :arms].sum(axis=1)
    return largest
