"""Overlap diagnostics of the logged draw for a policy; a failed check refuses the estimate with its remedy."""

from typing import Final, NamedTuple

import numpy as np
from scipy import stats

from bench.statistics.balance import weight_balance
from bench.statistics.estimators import Log
from bench.statistics.table import BenchTable, Floats

FEWEST_ISSUES: Final = 30.0
LARGEST_SHARE: Final = 0.10
MOST_UNSUPPORTED: Final = 1e-9
LEAST_CHANCE: Final = 0.001
"""Type-I error of each check of stored chances: one in a thousand draws that match them fails it."""
_FEWEST_EXPECTED: Final = 5.0


class Diagnostics(NamedTuple):
    """Effective sample size, overlap and balance of the importance weights."""

    effective_issues: float
    """Kish's effective sample size (Σw)² ÷ Σw², over issues."""
    largest_share: float
    """The largest share of the weight on one issue."""
    unsupported: float
    """Share of the policy's choices with inclusion probability 0."""
    mean_weight: float
    """Mean over cases of Σ_a w; its expectation is 1."""
    mean_weight_error: float
    """Its standard error under the stored chances."""
    mean_weight_chance: float
    """p of a mean weight at least this far from 1, at most."""
    counts_chance: float
    """p of the χ² of drawn cells against their inclusion probabilities; the same for every policy."""
    policies: int = 1
    """Policies of the report, of all of which the mean weights are tested."""

    @property
    def _worth(self) -> str:
        issues = f"{self.effective_issues:.0f}"
        return "1 issue's" if issues == "1" else f"{issues} issues'"

    @property
    def wrong(self) -> tuple[str, ...]:
        """Failures that no amount of data repairs: the draw does not match its stored chances, or lacks overlap."""
        return _failing(
            (
                self.unsupported <= MOST_UNSUPPORTED,
                f"{self.unsupported:.1%} of the policy's choices could never be drawn: bench with a strategy "
                "that reaches every valid action",
            ),
            (
                self.counts_chance >= LEAST_CHANCE,
                f"the arms drawn do not match their stored chances (χ² p = {self.counts_chance:.1g}): "
                "leave out cases whose arms were changed after the draw",
            ),
            (
                self.mean_weight_chance >= LEAST_CHANCE / self.policies,
                f"the weights average {self.mean_weight:.2f} ± {self.mean_weight_error:.2f} where 1 is due "
                f"(p = {self.mean_weight_chance:.1g}): the stored chances are not those of the draw",
            ),
        )

    @property
    def thin(self) -> tuple[str, ...]:
        """Failures of sample size: too few or too uneven data for intervals over issues."""
        return _failing(
            (
                self.effective_issues >= FEWEST_ISSUES,
                f"the estimate would rest on {self._worth} worth of arms, and "
                f"{FEWEST_ISSUES:.0f} are needed: bench more issues, or more arms an issue",
            ),
            (
                self.largest_share <= LARGEST_SHARE,
                f"one issue would carry {self.largest_share:.0%} of the estimate, and {LARGEST_SHARE:.0%} is "
                "the most: bench more issues, or more arms an issue",
            ),
        )


def _failing(*checks: tuple[bool, str]) -> tuple[str, ...]:
    return tuple(line for holds, line in checks if not holds)


def why_no_lottery(table: BenchTable) -> str | None:
    """Why `table` supports no off-policy evaluation; None where its arms were drawn at random."""
    picked = int((~table.randomised).sum())
    if not table.cases:
        return "there is no case: bench some issues first"
    if picked:
        return (
            f"{picked} of {len(table.cases)} cases have arms that were picked, not drawn: leave them out, or "
            "bench them with a randomised strategy"
        )
    if (table.propensity <= 0).any():
        return "an arm was drawn that its stored chances rule out: leave out cases whose arms were changed"
    return None


def diagnose(
    table: BenchTable, policy: Floats, log: Log, counts_chance: float, policies: int = 1
) -> Diagnostics:
    """The diagnostics of `policy` (N, 240), one of `policies`; `log` holds its weights after the correction for
    censoring.
    """
    issues = len(table.issues)
    used = np.bincount(table.case_issue[log.arm_case], weights=log.weight, minlength=issues)
    balance = weight_balance(table, policy)
    whole = float(used.sum())
    return Diagnostics(
        effective_issues=whole**2 / float((used**2).sum()) if whole else 0.0,
        largest_share=float(used.max() / whole) if whole else 1.0,
        unsupported=float(np.where(table.chances > 0, 0.0, policy).sum(axis=1).mean()),
        mean_weight=balance.mean,
        mean_weight_error=balance.error,
        mean_weight_chance=balance.chance,
        counts_chance=counts_chance,
        policies=policies,
    )


def counts_chance(table: BenchTable) -> float:
    """p-value of Σ (n − Σπ)² ÷ Σπ(1−π) over cells, where cells with few expected draws are pooled.

    Over b of these the sum is b ÷ (b−1) times a χ² with b−1 degrees of freedom where a case draws a fixed
    number of equally likely cells, and scatters no more for other draws.
    """
    drawn = np.bincount(table.arm_cell, minlength=table.chances.shape[1])
    expected = table.chances.sum(axis=0)
    variance = (table.chances * (1 - table.chances)).sum(axis=0)
    open_cells = np.flatnonzero(variance > 0)
    if not len(open_cells):
        return 1.0
    order = open_cells[np.argsort(expected[open_cells], kind="stable")]
    bins = np.floor(np.cumsum(expected[order]) / _FEWEST_EXPECTED)
    starts = np.flatnonzero(np.diff(bins, prepend=-1.0))
    off = np.add.reduceat(drawn[order] - expected[order], starts)
    statistic = float((off**2 / np.add.reduceat(variance[order], starts)).sum())
    free = max(len(starts) - 1, 1)
    return float(stats.chi2.sf(statistic * free / len(starts), free))
