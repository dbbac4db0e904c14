"""Off-policy estimators as sums of ratios of per-issue sums.

With one arm a case these are the row forms of Dudík, Langford, Li (2011, doubly robust), Swaminathan,
Joachims (2015, self-normalised), Wang, Agarwal, Dudík (2017, SWITCH), Su, Dimakopoulou, Krishnamurthy, Dudík
(2020, optimistic shrinkage) and Metelli, Russo, Restelli (2021, sub-Gaussian). With K arms a case, each with
its inclusion probability, IPS becomes Horvitz–Thompson (1952) and SNIPS becomes Hájek (1971).
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from bench.statistics.table import Floats, Ints


class Correction(NamedTuple):
    """The issue adjustment of the outcome model under one policy (see `issue_effect`)."""

    own: Floats
    """(A,) correction of the arm's prediction by the other arms of its case."""
    apart: Floats | None
    """(2, P) for each pair of arms, the corrections of the first and the second by the arms without both."""
    scaled: Floats
    """(A,) the correction times its factor κ, to subtract from the residual."""
    expected: Floats
    """(N,) expectation of the weighted, scaled corrections given the other arms."""


class Log(NamedTuple):
    """Logged bandit data: A arms in N cases of G issues."""

    arm_case: Ints
    """(A,)"""
    case_issue: Ints
    """(N,) 0..G−1, each at least once."""
    weight: Floats
    """(A,) importance weight: probability under the policy ÷ inclusion probability."""
    outcome: Floats
    """(A,) mean over the replicates of the arm."""
    fitted: Floats
    """(A,) cross-fitted prediction of the outcome model for the arm."""
    direct: Floats
    """(N,) direct-method value: that model's expectation under the policy."""
    correction: Correction | None = None
    """The issue adjustment; None without one."""


class Estimator(NamedTuple):
    """One estimator: `weigh` transforms the importance weights; `direct` adds the direct method and weights its
    residuals (doubly robust); `normalised` divides by the sum of weights instead of by the number of cases;
    `adjusted` adds the issue adjustment, where the log has one."""

    name: str
    weigh: Callable[[Floats], Floats]
    direct: bool
    normalised: bool
    adjusted: bool = False


class Terms(NamedTuple):
    """The estimate is Σ_t (Σ_g top[t, g] ÷ Σ_g bottom[t, g]); both (T, G)."""

    top: Floats
    bottom: Floats


def _unchanged(weight: Floats) -> Floats:
    return weight


HORVITZ_THOMPSON: Final = Estimator("HT", _unchanged, direct=False, normalised=False)
HAJEK: Final = Estimator("Hájek", _unchanged, direct=False, normalised=True)
DIRECT: Final = Estimator("DM", np.zeros_like, direct=True, normalised=False)
DOUBLY_ROBUST: Final = Estimator("DR", _unchanged, direct=True, normalised=False)
ADJUSTED_DR: Final = Estimator("issue-adjusted DR", _unchanged, direct=True, normalised=False, adjusted=True)
NORMALISED_DR: Final = Estimator("SNDR", _unchanged, direct=True, normalised=True)


def clipped(most: float, *, direct: bool) -> Estimator:
    """IPS or DR with weights of at most `most`."""
    name = "clipped DR" if direct else "clipped IPS"
    return Estimator(f"{name} ({most:g})", lambda weight: np.minimum(weight, most), direct, normalised=False)


def switch(most: float) -> Estimator:
    """SWITCH-DR: doubly robust, with the direct method alone where the weight exceeds `most`."""
    return Estimator(
        f"SWITCH-DR ({most:g})",
        lambda weight: np.where(weight <= most, weight, 0.0),
        direct=True,
        normalised=False,
    )


def shrunk(by: float) -> Estimator:
    """DR with optimistic shrinkage, λw ÷ (w² + λ)."""
    return Estimator(f"DRos ({by:g})", lambda weight: by * weight / (weight**2 + by), True, False)


def terms(estimator: Estimator, log: Log) -> Terms:
    """Numerators and denominators of `estimator`, summed by issue (the cluster)."""
    issues = int(log.case_issue.max(initial=-1)) + 1
    arm_issue = log.case_issue[log.arm_case]
    weight = estimator.weigh(log.weight)
    residual = log.outcome - log.fitted if estimator.direct else log.outcome
    direct = log.direct
    if estimator.adjusted and log.correction is not None:
        residual, direct = residual - log.correction.scaled, direct + log.correction.expected
    cases = np.bincount(log.case_issue, minlength=issues).astype(np.float64)
    tops = [np.bincount(arm_issue, weights=weight * residual, minlength=issues)]
    bottoms = [np.bincount(arm_issue, weights=weight, minlength=issues) if estimator.normalised else cases]
    if estimator.direct:
        tops.append(np.bincount(log.case_issue, weights=direct, minlength=issues))
        bottoms.append(cases)
    return Terms(np.array(tops), np.array(bottoms))


def value(of: Terms) -> float:
    """The point estimate, a sum of ratios of totals."""
    return float(np.sum(of.top.sum(axis=1) / of.bottom.sum(axis=1)))


def biased(estimator: Estimator, log: Log) -> bool:
    """Whether the estimator changes the importance weights, and so is unbiased only if the outcome model is."""
    return not np.array_equal(estimator.weigh(log.weight), log.weight)


def minus(minuend: Terms, subtrahend: Terms) -> Terms:
    """The paired difference of two estimates on the same issues."""
    return Terms(np.vstack([minuend.top, -subtrahend.top]), np.vstack([minuend.bottom, subtrahend.bottom]))
