"""Effects of cases on the residuals of their arms: the best linear unbiased predictor (BLUP) of a random intercept.

The residual of an arm is an effect of its case, of variance τ², plus an error of variance s². From the arms of a
set T the effect is predicted by their mean residual, shrunk by τ² ÷ (τ² + s² ÷ |T|) (Robinson, 1991).
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from bench.statistics.table import ArmPairs, BenchTable, Bools, Floats


class CaseEffects(NamedTuple):
    """Residuals of A arms in N cases, with the variance components of the folds that do not hold the case."""

    residual: Floats
    """(A,) 0 where not known."""
    known: Bools
    """(A,)"""
    total: Floats
    """(N,) sum of the known residuals."""
    arms: Floats
    """(N,) number of known residuals."""
    between: Floats
    """(N,) τ²"""
    within: Floats
    """(N,) s²"""

    def without_own(self, table: BenchTable) -> Floats:
        """(A,) the effect of each arm's case, predicted from the other arms."""
        case = table.arm_case
        return self._shrunk(
            self.total[case] - self.residual,
            self.arms[case] - self.known,
            self.between[case],
            self.within[case],
        )

    def without_pairs(self, table: BenchTable, pairs: ArmPairs) -> Floats:
        """(P,) the effect of the case of each pair, predicted from the arms that are not of the pair."""
        case, both = table.arm_case[pairs.first], (pairs.first, pairs.second)
        total = self.total[case] - sum(self.residual[arm] for arm in both)
        count = self.arms[case] - sum(self.known[arm].astype(np.float64) for arm in both)
        return self._shrunk(total, count, self.between[case], self.within[case])

    @staticmethod
    def _shrunk(total: Floats, count: Floats, between: Floats, within: Floats) -> Floats:
        spread = count * between + within
        shrunk: Floats = np.divide(
            total * between, spread, out=np.zeros(len(total)), where=(count > 0) & (spread > 0)
        )
        return shrunk


def case_effects(table: BenchTable, residuals: Floats, splits: Iterable[Bools]) -> CaseEffects:
    """The effects behind `residuals` (A,), NaN where an arm has no outcome; `splits` are those of `folds`."""
    known = np.isfinite(residuals)
    values = np.where(known, residuals, 0.0)
    size = len(table.cases)
    total, squares, count = (
        np.bincount(table.arm_case, weights=part, minlength=size).astype(np.float64)
        for part in (values, values**2, known)
    )
    components = np.zeros((2, size))
    for held_out in splits:
        learn = ~held_out
        components[:, held_out] = _components(total[learn], squares[learn], count[learn])[:, None]
    return CaseEffects(values, known, total, count, *components)


def _components(total: Floats, squares: Floats, count: Floats) -> Floats:
    """(2,) τ² and s² by moments: the mean product of two residuals of one case, and the rest of the mean square."""
    pairs, arms = float((count * (count - 1)).sum()), float(count.sum())
    if not pairs:
        return np.zeros(2)
    between = max(0.0, float((total**2 - squares).sum()) / pairs)
    return np.array([between, max(0.0, float(squares.sum()) / arms - between)])
