"""Missing outcomes: inverse-probability-of-censoring weights (IPCW), worst-case bounds, and their diagnostics.

Inverse probability of censoring weights: Robins, Rotnitzky, Zhao (1994). Bounds: Manski (1990).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple, TypeVar

import numpy as np
from scipy import stats
from sklearn.linear_model import LogisticRegression

from bench.statistics.cross_fit import design
from bench.statistics.logs import design_weights
from bench.statistics.outcome_features import action_features
from bench.statistics.outcomes import Outcome
from bench.statistics.table import MISSING, ArmPairs, BenchTable, Bools, Floats, Ints

LEAST_OBSERVED: Final = 0.05
"""Estimated probabilities of being observed are clipped from below at this value."""
MOST_IGNORED: Final = 0.01
"""The largest share of missing executions at which complete-case analysis is allowed."""
MOST_WEIGHTED: Final = 0.02
"""The largest share of a policy's own runs that may be missing for a point estimate to lead; above, bounds do."""
UNEVEN_ALPHA: Final = 0.05
INVERSE_REGULARISATION: Final = 10.0
"""Inverse regularisation of the censoring model: strong shrinkage would bias its weights."""
_ITERATIONS: Final = 1000
Amount = TypeVar("Amount", int, float)


class MissingReport(NamedTuple):
    """Extent and pattern of the missing executions of a table."""

    share: float
    by_class: Mapping[str, int]
    """Missing executions by reason; reasons that did not occur are left out."""
    largest_inverse: float
    """The largest censoring weight 1/Ĝ of an observed execution."""
    uneven_chance: float
    """p-value of the hypothesis that missingness is independent of the action."""

    @property
    def why_not_ignored(self) -> str | None:
        """Why complete-case analysis is refused; None where next to nothing is missing."""
        if self.share <= MOST_IGNORED:
            return None
        how = (
            "more often under some actions than others"
            if self.uneven_chance < UNEVEN_ALPHA
            else "perhaps not by chance"
        )
        return (
            f"{self.share:.0%} of the executions are missing, {how}: use the weighted estimate and the bounds"
        )

    @property
    def why_not_weighted(self) -> str | None:
        """Why inverse-probability weighting is refused; None where it is supported."""
        if self.largest_inverse < 1 / LEAST_OBSERVED:
            return None
        return (
            f"some executions have a weight of {self.largest_inverse:.0f} or more: run again those that were stopped, "
            "under higher caps, or read the bounds"
        )


class PolicyMissing(NamedTuple):
    """The missing runs of one policy, as shares of its own runs: Σ w·1(missing) ÷ Σ w."""

    share: float
    by_class: Mapping[str, float]
    """Shares by reason, which add up to `share`; reasons that did not occur are left out."""

    @property
    def bounds_lead(self) -> bool:
        """Whether so much is missing that no point estimate is quoted, and no ranking is claimed."""
        return self.share > MOST_WEIGHTED


def run_weights(table: BenchTable, weights: Floats) -> Floats:
    """(E,) the weight of each run: that of its arm in `weights` (A,), divided by the number of runs of the arm."""
    runs = np.bincount(table.run_arm, minlength=len(table.arm_case))
    of_run: Floats = (weights / np.maximum(runs, 1))[table.run_arm]
    return of_run


def policy_missing(table: BenchTable, policy: Floats, outcome: Outcome) -> PolicyMissing | None:
    """The share of the runs of `policy` (N, 240) that is missing; None where none of its actions ran.

    A run has the importance weight of its arm, divided by the number of runs of the arm.
    """
    weights = run_weights(table, design_weights(table, policy))
    whole = float(weights.sum())
    if whole <= 0:
        return None
    is_missing = ~np.isfinite(outcome.values)
    shares = np.bincount(_reasons(table, is_missing), weights[is_missing], minlength=len(MISSING) + 1) / whole
    return PolicyMissing(float(shares.sum()), _by_reason(shares.tolist()))


def missing_report(table: BenchTable, outcome: Outcome, inverse: Floats) -> MissingReport:
    """Counts by reason, and a test of dependence on the action; `inverse` as from `observation_weights`."""
    is_missing = ~np.isfinite(outcome.values)
    counts = np.bincount(_reasons(table, is_missing), minlength=len(MISSING) + 1)
    return MissingReport(
        share=float(is_missing.mean()) if len(is_missing) else 0.0,
        by_class=_by_reason(counts.tolist()),
        largest_inverse=float(inverse[~is_missing].max(initial=1.0)),
        uneven_chance=_uneven_chance(table, is_missing),
    )


def _reasons(table: BenchTable, is_missing: Bools) -> Ints:
    """(M,) the reason of each missing run, an index into the names of `_by_reason`."""
    reasons = table.missing[is_missing].astype(np.intp)
    return np.where(reasons == 0, len(MISSING), reasons)


def _by_reason(amounts: Sequence[Amount]) -> dict[str, Amount]:
    return {name: amount for name, amount in zip((*MISSING, "unknown cost"), amounts, strict=True) if amount}


def observation_weights(table: BenchTable, features: Floats, outcome: Outcome) -> Floats:
    """(E,) inverse-probability-of-censoring weights 1/Ĝ, given issue and action.

    They are valid where outcomes are missing at random given issue and action. Ĝ is a logistic regression with
    additive effects of issue and action, clipped from below at `LEAST_OBSERVED`; all weights are 1 where nothing
    or everything is missing.
    """
    seen = np.isfinite(outcome.values)
    if seen.all() or not seen.any():
        return np.ones(len(seen))
    rows = design(features, table.arm_case[table.run_arm], table.arm_cell[table.run_arm])
    model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=_ITERATIONS).fit(rows, seen)
    chance: Floats = model.predict_proba(rows)[:, 1]
    weights: Floats = 1 / np.maximum(chance, LEAST_OBSERVED)
    return weights


def imputed(outcome: Outcome, by: float) -> Floats:
    """(E,) single imputation: the values, with `by` for every missing one."""
    return np.where(np.isfinite(outcome.values), outcome.values, by)


def fold_admission(table: BenchTable, admitted: Bools, probabilities: Floats) -> BenchTable:
    """The table with inclusion probabilities that account for admission under the caps.

    Cases that were not `admitted` (N,) stay, without arms; every inclusion probability is multiplied by the
    admission probability of its case, `probabilities` (N,) as from `admission_probabilities`.
    """
    arms = admitted[table.arm_case]
    runs = arms[table.run_arm]
    new_arm = np.cumsum(arms) - 1
    return replace(
        table,
        chances=table.chances * probabilities[:, None],
        arm_case=table.arm_case[arms],
        arm_cell=table.arm_cell[arms],
        run_arm=new_arm[table.run_arm[runs]],
        passed=table.passed[runs],
        missing=table.missing[runs],
        minutes=table.minutes[runs],
        usd=table.usd[runs],
        pairs=_admitted_pairs(table, arms, new_arm, probabilities),
        swaps=None if table.swaps is None else table.swaps[arms],
    )


def _admitted_pairs(table: BenchTable, arms: Bools, new_arm: Ints, probabilities: Floats) -> ArmPairs | None:
    """The pairs of the cases that were admitted: a case is admitted as a whole."""
    if table.pairs is None:
        return None
    first, second, joint = table.pairs
    here = arms[first]
    chance = probabilities[table.arm_case[first[here]]]
    return ArmPairs(new_arm[first[here]], new_arm[second[here]], joint[here] * chance)


def _uneven_chance(table: BenchTable, is_missing: Bools) -> float:
    """Bonferroni-adjusted p: the smallest of Fisher's tests of each class of the action against the rest."""
    uses = action_features()[table.arm_cell[table.run_arm]] > 0
    p_values = []
    for column in uses.T:
        counts = [[int((column & is_missing).sum()), int((column & ~is_missing).sum())]]
        counts.append([int(is_missing.sum()) - counts[0][0], int((~is_missing).sum()) - counts[0][1]])
        if all(sum(row) for row in counts):
            p_values.append(float(stats.fisher_exact(counts).pvalue))
    return min(1.0, len(p_values) * min(p_values)) if p_values and is_missing.any() else 1.0
