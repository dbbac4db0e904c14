"""What executions that say nothing do to an estimate: how many, how unlike the others, and what then holds.

Inverse probability of censoring weights: Robins, Rotnitzky, Zhao (1994). Bounds: Manski (1990).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from scipy import stats
from sklearn.linear_model import LogisticRegression

from bench.statistics.cross_fit import design
from bench.statistics.outcome_features import action_features
from bench.statistics.outcomes import Outcome
from bench.statistics.table import MISSING, BenchTable, Bools, Floats

LEAST_OBSERVED: Final = 0.05
"""Estimated probabilities of being observed are not taken below this."""
MOST_IGNORED: Final = 0.01
"""Share of executions that may be missing before leaving them out is refused."""
UNEVEN: Final = 0.05
LOOSENESS: Final = 10.0
"""Of the regression of being observed: it must follow what kills executions closely, or its weights are off."""
_ITERATIONS: Final = 1000


class MissingReport(NamedTuple):
    """What is missing among the executions of the table."""

    share: float
    by_class: Mapping[str, int]
    """Executions by why they are missing; classes that did not occur are left out."""
    largest_inverse: float
    """The most that one observed execution stands for: the largest 1/Ĝ."""
    uneven_chance: float
    """p of the hypothesis that what is missing does not depend on the action."""

    @property
    def why_not_ignored(self) -> str | None:
        """Why the executions that remain do not speak for all; None where next to nothing is missing."""
        if self.share <= MOST_IGNORED:
            return None
        how = (
            "more often under some actions than others"
            if self.uneven_chance < UNEVEN
            else "perhaps not by chance"
        )
        return (
            f"{self.share:.0%} of the executions are missing, {how}: use the weighted estimate and the bounds"
        )

    @property
    def why_not_weighted(self) -> str | None:
        """Why weighting cannot make up for what is missing; None where it can."""
        if self.largest_inverse < 1 / LEAST_OBSERVED:
            return None
        return (
            f"some executions stand for {self.largest_inverse:.0f} or more: run again those that were stopped, "
            "under higher caps, or read the bounds"
        )


def missing_report(table: BenchTable, outcome: Outcome, inverse: Floats) -> MissingReport:
    """Counts, and how unevenly the missing ones fall on actions; `inverse` as from `observation_weights`."""
    gone = ~np.isfinite(outcome.values)
    names = np.where(table.missing[gone] == 0, len(MISSING), table.missing[gone])
    counts = np.bincount(names, minlength=len(MISSING) + 1)
    return MissingReport(
        share=float(gone.mean()) if len(gone) else 0.0,
        by_class={
            name: int(count) for name, count in zip((*MISSING, "unknown cost"), counts, strict=True) if count
        },
        largest_inverse=float(inverse[~gone].max(initial=1.0)),
        uneven_chance=_uneven_chance(table, gone),
    )


def observation_weights(table: BenchTable, features: Floats, outcome: Outcome) -> Floats:
    """(E,) one over the probability Ĝ that the execution is observed, given its issue and action.

    It is what makes up for missing executions where, given issue and action, being missing tells nothing more
    about the outcome. Ĝ is a logistic regression in which issue and action add up on the scale of log odds, not
    taken below `LEAST_OBSERVED`; ones where nothing or everything is missing.
    """
    seen = np.isfinite(outcome.values)
    if seen.all() or not seen.any():
        return np.ones(len(seen))
    rows = design(features, table.arm_case[table.run_arm], table.arm_cell[table.run_arm])
    model = LogisticRegression(C=LOOSENESS, max_iter=_ITERATIONS).fit(rows, seen)
    chance: Floats = model.predict_proba(rows)[:, 1]
    weights: Floats = 1 / np.maximum(chance, LEAST_OBSERVED)
    return weights


def imputed(outcome: Outcome, by: float) -> Floats:
    """(E,) the values, with `by` for every one that is missing."""
    return np.where(np.isfinite(outcome.values), outcome.values, by)


def fold_admission(table: BenchTable, admitted: Bools, probabilities: Floats) -> BenchTable:
    """The table with admission by caps as a part of the draw.

    Cases that were not `admitted` (N,) stay, without arms; every inclusion probability is multiplied by that
    of its case being admitted, `probabilities` (N,) as from `admission_probabilities`.
    """
    arms = admitted[table.arm_case]
    runs = arms[table.run_arm]
    place = np.cumsum(arms) - 1
    return replace(
        table,
        chances=table.chances * probabilities[:, None],
        arm_case=table.arm_case[arms],
        arm_cell=table.arm_cell[arms],
        run_arm=place[table.run_arm[runs]],
        passed=table.passed[runs],
        missing=table.missing[runs],
        minutes=table.minutes[runs],
        usd=table.usd[runs],
    )


def _uneven_chance(table: BenchTable, gone: Bools) -> float:
    """The smallest p over the classes of the action, each against the rest, times their number (Bonferroni)."""
    uses = action_features()[table.arm_cell[table.run_arm]] > 0
    found = []
    for column in uses.T:
        counts = [[int((column & gone).sum()), int((column & ~gone).sum())]]
        counts.append([int(gone.sum()) - counts[0][0], int((~gone).sum()) - counts[0][1]])
        if all(sum(row) for row in counts):
            found.append(float(stats.fisher_exact(counts).pvalue))
    return min(1.0, len(found) * min(found)) if found and gone.any() else 1.0
