"""Issue adjustment of doubly robust estimates: an arm's outcome is predicted from the other arms of its case, too.

The arms of a case S are drawn; T = S∖a are the others of arm a. For any correction d^T(b) of the outcome model that
is computed from the outcomes of T alone, and any factor κ,

    Σ_{a∈S} { Σ_b p(b | T) w_b κ_b d^T(b) − w_a κ_a d^T(a) },   w_b = π_e(b) ÷ π(b),

has expectation 0 given T, whatever d is: added to DR, it leaves DR unbiased under every design whose conditional
probabilities p(b | T) are known. With κ_b = (1 − π(b)) ÷ (1 − p(b | T)) the sum replaces the model's prediction q̂
by q̂ + d in both parts of DR, for designs of a fixed size.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bench.statistics.case_effects import CaseEffects
from bench.statistics.estimators import Correction
from bench.statistics.table import BenchTable, Floats, Ints

_CERTAIN = 1e-12

Correct = Callable[[Floats, Floats], Floats]
"""The correction d of predictions q̂ by effects of the issue; elementwise."""


class IssueEffect(NamedTuple):
    """The correction by the other arms of each case; zero where the conditional probabilities are not known."""

    cells: Ints
    """(C,) the cells that some case could draw."""
    own: Floats
    """(A,) d^T(a), with T the other arms of the case of arm a."""
    apart: Floats | None
    """(2, P) for each pair of the table, d^T of its first and its second arm, with T the arms without both."""
    scaled: Floats
    """(A,) κ_a·d^T(a)"""
    expected: Floats
    """(A, C) p(b | T)·κ_b·d^T(b) ÷ π(b)"""

    def under(self, table: BenchTable, policy: Floats) -> Correction:
        """The correction of the arms under `policy` (N, 240)."""
        # Most policies take few of the cells, and a large bench has many arms.
        taken = (policy[:, self.cells] > 0).any(axis=0)
        chances = policy[:, self.cells[taken]][table.arm_case]
        by_arm = np.einsum("ac,ac->a", chances, self.expected[:, taken])
        by_case = np.bincount(table.arm_case, weights=by_arm, minlength=len(table.cases)).astype(np.float64)
        return Correction(self.own, self.apart, self.scaled, by_case)


def known_swaps(table: BenchTable) -> bool:
    """Whether the table has the conditional probabilities of at least one case."""
    return table.swaps is not None and bool(np.isfinite(table.swaps[:, 0]).any())


def issue_effect(
    table: BenchTable, fitted: Floats, effects: CaseEffects, correct: Correct
) -> IssueEffect | None:
    """The adjustment of the predictions `fitted` (N, 240) by `effects`; None without conditional probabilities."""
    if table.swaps is None or not known_swaps(table):
        return None
    known = np.isfinite(table.swaps[:, 0])
    cells = np.flatnonzero((table.chances > 0).any(axis=0))
    shift = np.where(known, effects.without_own(table), 0.0)
    corrections = correct(fitted[:, cells][table.arm_case], shift[:, None])
    swap = np.nan_to_num(table.swaps[:, cells])
    scaled = _factors(table, cells, swap) * corrections
    chances = table.chances[:, cells]
    inverse = np.divide(1.0, chances, out=np.zeros(chances.shape), where=chances > 0)[table.arm_case]
    at = np.arange(len(table.arm_cell)), np.searchsorted(cells, table.arm_cell)
    apart = None
    if table.pairs is not None:
        arms = np.array([table.pairs.first, table.pairs.second])
        without = np.where(known[table.pairs.first], effects.without_pairs(table, table.pairs), 0.0)
        apart = correct(fitted[table.arm_case, table.arm_cell][arms], without)
    return IssueEffect(cells, corrections[at], apart, scaled[at], swap * scaled * inverse)


def _factors(table: BenchTable, cells: Ints, swap: Floats) -> Floats:
    """(A, C) κ_b = (1 − π(b)) ÷ (1 − p(b | T)), with π of the draw alone: admission probabilities are divided out."""
    chances = table.chances[:, cells]
    arms = np.bincount(table.arm_case, minlength=len(table.cases))
    total = chances.sum(axis=1)
    drawn = chances * np.divide(arms, total, out=np.ones(len(total)), where=total > 0)[:, None]
    rest = 1 - swap
    open_chance = np.maximum(1 - drawn, 0.0)[table.arm_case]
    factors: Floats = np.divide(open_chance, rest, out=np.zeros(swap.shape), where=rest > _CERTAIN)
    return factors
