"""Intervals for exactly the issues of a bench: the variance of the lottery of arms and of the runs, not of issues.

An estimate is Σ_a z_a over the arms drawn, plus terms that are known whatever is drawn, where z_a = w_a·(y_a − q̂_a).
Horvitz, Thompson (1952) estimate the variance of such a sum over the lottery of one case by

    Σ_{a,b∈S} (π_ab − π_a·π_b) ÷ π_ab · z_a·z_b,   π_aa = π_a,

which needs the joint probabilities of two arms only where a policy may take either. With the issue adjustment, q̂ of
an arm depends on which others were drawn: the covariance of two arms then is the sum over both drawn, one, or neither
of the products of their errors, each with the correction that it would have. The noise of the runs of the arms
that were drawn is in it but for Σ_a π_e(a)²·σ_a² ÷ R_a over all actions, which Σ_{a∈S} π_e² ÷ π · σ_a² ÷ R_a estimates
(Särndal, Swensson, Wretman, *Model Assisted Survey Sampling*, 1992, sections 2.8 and 16.6).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from scipy import stats

from bench.statistics.estimators import Log
from bench.statistics.intervals import LEVEL
from bench.statistics.table import BenchTable, Bools, Floats

NO_JOINT: Final = (
    "the policy can take several of an issue's arms, and how likely they are drawn together is not stored: submit "
    "the issues again, or read the interval for issues like these"
)


class Lottery(NamedTuple):
    """The terms of an estimate that depend on which arms were drawn; all (A,)."""

    weight: Floats
    """Importance weight of the arm; of a difference, the difference of the weights."""
    residual: Floats
    """Outcome − prediction, which the other arms of the case may correct."""
    apart: Floats | None
    """(2, P) for each pair of arms, the residuals of both with the correction by the arms without both."""
    share: Floats
    """Mean censoring weight of the arm's executions, as from `observed_shares`."""
    noise: Floats | None
    """Variance of the arm's mean over its runs; None where it is not identified."""


def lotteries(
    table: BenchTable, log: Log, weight: Floats, share: Floats, noise: Floats | None
) -> list[Lottery]:
    """The terms of the doubly robust estimate of `log` with other weights: plain, and issue-adjusted where it is."""
    residual, correction = log.outcome - log.fitted, log.correction
    apart = None
    if table.pairs is not None:
        apart = residual[np.array([table.pairs.first, table.pairs.second])]
    plain = Lottery(weight, residual, apart, share, noise)
    if correction is None:
        return [plain]
    if apart is not None and correction.apart is not None:
        apart = apart - correction.apart
    return [plain, plain._replace(residual=residual - correction.own, apart=apart)]


def half_width(table: BenchTable, lotteries: Sequence[Lottery]) -> float | str:
    """Half the width of a 95 % interval over the lottery of arms and the runs, or why there is none.

    The variance is the least of `lotteries`: that of plain DR bounds the variance of issue-adjusted DR, and is the
    better estimate where the adjustment cancels, as for a policy that takes all actions alike. Student's t with the
    degrees of freedom of Satterthwaite (1946), since cases contribute unequally.

    Returns: 0 where no arm of the policy is left to chance, NaN where the data have no variance.
    """
    if why := _why_not(table, lotteries[0]):
        return why
    if lotteries[0].noise is None and not _open(table, lotteries[0]).any():
        return 0.0
    by_issue = min(
        (_variances(table, lottery) for lottery in lotteries), key=lambda parts: float(parts.sum())
    )
    variance = float(by_issue.sum())
    if variance <= 0:
        return float("nan")
    freedom = min(2 * variance**2 / float((by_issue**2).sum()), float(len(by_issue)))
    error = float(np.sqrt(variance)) / len(table.cases)
    return float(stats.t.ppf((1 + LEVEL) / 2, max(freedom, 1.0))) * error


def _variances(table: BenchTable, lottery: Lottery) -> Floats:
    """(G,) the part of each issue in the variance of the total."""
    # An arm observed with probability Ĝ enters the estimate with probability π·Ĝ.
    own = 1 - table.propensity / np.maximum(lottery.share, 1.0)
    noise = 0.0 if lottery.noise is None else lottery.weight**2 * table.propensity * lottery.noise
    by_arm = own * (lottery.weight * lottery.residual) ** 2 + noise
    crossed = _crossed(table, lottery)
    diagonal = np.bincount(table.arm_case, weights=by_arm, minlength=len(table.cases))
    by_case = diagonal + (crossed if diagonal.sum() + crossed.sum() > 0 else 0.0)
    return np.bincount(table.case_issue, weights=by_case).astype(np.float64)


def run_noise(
    table: BenchTable, values: Floats, fitted: Floats, low: float, high: float, borrowed: float | None = None
) -> Floats | None:
    """(A,) variance of each arm's mean over its runs; None where no arm ran twice and none is `borrowed`.

    An arm that ran twice has its own unbiased variance. The others have the pooled one, in proportion to
    (q̂ − low)·(high − q̂) where the range of the outcome is finite: a run that nearly always passes varies little.
    `fitted` (A,) are the predictions; `borrowed` is the variance of a run, known from earlier benches.
    """
    arms = len(table.arm_case)
    means = table.arm_means(values)
    known = np.isfinite(values)
    runs = np.bincount(table.run_arm, weights=known, minlength=arms)
    off = np.where(known, values - means[table.run_arm], 0.0)
    spread = np.bincount(table.run_arm, weights=off**2, minlength=arms)
    several = runs >= 2
    shape = np.maximum((fitted - low) * (high - fitted), 0.0) if np.isfinite(high - low) else np.ones(arms)
    whole = float(shape[several].sum()) if several.any() else float(shape[runs > 0].sum())
    if several.any():
        pooled = float((spread[several] / (runs[several] - 1)).sum())
    elif borrowed is None:
        return None
    else:
        pooled = borrowed * float((runs > 0).sum())
    rate = pooled / whole if whole > 0 else 0.0
    noise: Floats = np.where(several, spread / np.maximum(runs - 1, 1), rate * shape) / np.maximum(runs, 1)
    return noise


def _open(table: BenchTable, lottery: Lottery) -> Bools:
    """(A,) arms with a weight that were drawn by chance."""
    open_arms: Bools = (lottery.weight != 0) & (table.propensity < 1)
    return open_arms


def _why_not(table: BenchTable, lottery: Lottery) -> str | None:
    """Why the terms of two different arms are not known; an arm that is always drawn has none."""
    open_arms = _open(table, lottery)
    if table.pairs is None:
        at_once = np.bincount(table.arm_case, weights=open_arms, minlength=len(table.cases))
        return NO_JOINT if (at_once > 1).any() else None
    needed = open_arms[table.pairs.first] & open_arms[table.pairs.second]
    return None if np.isfinite(table.pairs.joint[needed]).all() else NO_JOINT


def _crossed(table: BenchTable, lottery: Lottery) -> Floats:
    """(N,) the terms of two different arms."""
    open_arms = _open(table, lottery)
    if table.pairs is None or lottery.apart is None:
        return np.zeros(len(table.cases))
    needed = open_arms[table.pairs.first] & open_arms[table.pairs.second]
    first, second, joint = (part[needed] for part in table.pairs)
    chance, other = table.propensity[first], table.propensity[second]
    own, others = lottery.residual[first], lottery.residual[second]
    apart = lottery.apart[:, needed]
    # Both drawn, one, the other, and neither.
    products = (
        (1 - chance) * (1 - other) * own * others
        - (chance - joint) * (1 - chance) * other / joint * apart[0] * others
        - (other - joint) * (1 - other) * chance / joint * own * apart[1]
        + (1 - chance - other + joint) * chance * other / joint * apart[0] * apart[1]
    )
    weights = 2 * lottery.weight[first] * lottery.weight[second] * products
    return np.bincount(table.arm_case[first], weights=weights, minlength=len(table.cases)).astype(np.float64)
