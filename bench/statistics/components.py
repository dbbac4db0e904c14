"""Variance components of the outcomes: within an arm, between actions, and between issues.

The model is y = mean + action + issue + issue×action + noise. The components are those of Henderson's method 3
(fitting of constants; Searle, Casella and McCulloch, *Variance Components*, 1992, ch. 5), on arm means: each sum
of squares is set equal to its expectation, so arms and replicates may be missing in any pattern that does not
depend on outcomes. On a complete table they are the mean squares of the two-way analysis of variance:
s_int² = MS_e − s_w²/R and s_issue² = (MS_row − MS_e)/K.
"""

from typing import Final, NamedTuple

import numpy as np
from scipy.stats import bootstrap

from bench.statistics.arms import Arms
from bench.statistics.errors import NotIdentifiedError
from bench.statistics.estimate import Estimate
from bench.statistics.table import Floats, Ints

RESAMPLES: Final = 400
SINGLE_RUNS: Final = (
    "no arm was run twice, so noise cannot be separated from differences between actions; "
    "run the bench with `replicates: 2`, or more with a `replicate_fraction`"
)


class Variances(NamedTuple):
    """The variance components as numbers; negative estimates are kept."""

    within: float
    interaction: float
    issue: float
    action: float

    def clipped(self) -> "Variances":
        """The components with negative estimates set to 0."""
        return Variances(*(max(0.0, part) for part in self))


class Components(NamedTuple):
    """The variance components as published estimates, each with a bootstrap interval over issues."""

    within: Estimate
    interaction: Estimate
    issue: Estimate
    action: Estimate


def components(arms: Arms, *, seed: int, estimand: str = "pass_own_budget") -> Components:
    """The variance components of `arms` with bootstrap intervals.

    Raises: `NotIdentifiedError` where no arm was run twice.
    """
    point = variances(arms)
    order = np.arange(arms.n_issues)
    rng = np.random.default_rng([seed, 50])

    def statistic(issues: Ints, axis: int = -1) -> Floats:
        rows = np.moveaxis(np.atleast_2d(issues), axis, -1)
        resampled = [variances(arms, np.bincount(row, minlength=len(order))) for row in rows]
        return np.array(resampled).T.reshape(4, *issues.shape[:-1])

    spans = bootstrap((order,), statistic, n_resamples=RESAMPLES, method="percentile", rng=rng)
    low, high = (np.maximum(0.0, end) for end in spans.confidence_interval)
    method = f"Henderson III; 95 % percentile bootstrap over {len(order)} issues"
    published = (
        Estimate(f"variance of {estimand}: {name}", value, float(a), float(b), method)
        for name, value, a, b in zip(Variances._fields, point.clipped(), low, high, strict=True)
    )
    return Components(*published)


def variances(arms: Arms, copies: Ints | None = None, *, within: float | None = None) -> Variances:
    """Henderson III estimates, with issue i counted `copies[i]` times, each copy as an issue of its own.

    A given `within` is taken as known.

    Raises: `NotIdentifiedError` where no arm was run twice, or no issue has a second arm to compare.
    """
    weight = np.ones(len(arms.issue)) if copies is None else copies[arms.issue].astype(np.float64)
    within = within_variance(arms, weight) if within is None else within
    arms_in_issue = np.bincount(arms.issue)[arms.issue]
    dummies = np.eye(len(arms.cells))[arms.action]
    design = dummies - _issue_means(arms, dummies)
    values = arms.mean - _issue_means(arms, arms.mean[:, None])[:, 0]

    gram = (design * weight[:, None]).T @ design
    slope = np.linalg.pinv(gram, rcond=1e-10, hermitian=True)
    effect = slope @ (design.T @ (weight * values))
    leverage = 1 / arms_in_issue + np.einsum("ij,jk,ik->i", design, slope, design, optimize=True)
    total = float(weight @ values**2)
    rest = total - float(effect @ gram @ effect)
    free = weight * (1 - leverage)
    if free.sum() < 1e-9:
        raise NotIdentifiedError(
            "no issue has arms left to compare after the differences between actions; sample more arms or issues"
        )
    interaction = (rest - within * float((free / arms.runs).sum())) / float(free.sum())

    noise = max(0.0, interaction) + within / arms.runs
    between = total - float((weight * (1 - 1 / arms_in_issue)) @ noise)
    trace = float(np.trace(gram))
    action = between / trace if trace > 1e-9 else 0.0
    return Variances(within, interaction, _issue_variance(arms, weight, noise), action)


def within_variance(arms: Arms, weight: Floats | None = None) -> float:
    """Pooled within-arm variance: the mean over replicated arms of their unbiased variance."""
    weight = np.ones(len(arms.issue)) if weight is None else weight
    several = arms.runs >= 2
    share = weight[several].sum()
    if not several.any() or share == 0:
        raise NotIdentifiedError(SINGLE_RUNS)
    return float(weight[several] @ (arms.spread[several] / (arms.runs[several] - 1)) / share)


def _issue_variance(arms: Arms, weight: Floats, noise: Floats) -> float:
    count = np.bincount(arms.action, weights=weight)
    mean = np.bincount(arms.action, weights=weight * arms.mean) / np.where(count > 0, count, 1)
    rest = float(weight @ (arms.mean - mean[arms.action]) ** 2)
    pairs, arm_pair, size = np.unique(
        arms.issue * len(arms.cells) + arms.action, return_inverse=True, return_counts=True
    )
    first = np.zeros(len(pairs), dtype=np.intp)
    first[arm_pair] = np.arange(len(arm_pair))
    here = count[arms.action]
    trace = float(weight.sum() - (weight[first] * size**2 / np.where(here > 0, here, 1)[first]).sum())
    expected = float((weight * (1 - 1 / np.where(here > 0, here, 1))) @ noise)
    return (rest - expected) / trace if trace > 1e-9 else 0.0


def _issue_means(arms: Arms, rows: Floats) -> Floats:
    """(n, m): the mean of `rows` (n, m) over the arms of each arm's issue."""
    sums = np.zeros((arms.n_issues, rows.shape[1]))
    np.add.at(sums, arms.issue, rows)
    means: Floats = (sums / np.bincount(arms.issue)[:, None])[arms.issue]
    return means
