"""pass@k and pass^k: the chance that at least one of k runs passes, and that all of them do.

From c passes in n ≥ k runs of an arm, 1 − C(n−c, k)/C(n, k) and C(c, k)/C(n, k) are unbiased (Chen et al.,
"Evaluating large language models trained on code", 2021; Yao et al., "τ-bench", 2024).
"""

from typing import NamedTuple

import numpy as np
from scipy.special import comb

from bench.statistics.table import BenchTable, Floats


class PassAtK(NamedTuple):
    """Unbiased estimates for each arm, (A,); NaN where it was observed fewer than k times."""

    any_of_k: Floats
    all_of_k: Floats


def pass_at_k(table: BenchTable, k: int) -> PassAtK:
    """pass@k and pass^k of each arm of `table` on its issue."""
    runs = table.replicates.astype(np.float64)
    passed = np.where(table.observed, table.passed, 0.0)
    passes = np.bincount(table.run_arm, weights=passed, minlength=len(runs))
    ways = np.where(runs >= k, comb(runs, k), np.nan)
    return PassAtK(1 - comb(runs - passes, k) / ways, comb(passes, k) / ways)
