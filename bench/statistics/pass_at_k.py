"""pass@k and pass^k: the chance that at least one of k runs passes, and that all of them do.

From c passes in n ≥ k runs of an arm, 1 − C(n−c, k)/C(n, k) and C(c, k)/C(n, k) are unbiased (Chen et al.,
"Evaluating large language models trained on code", 2021; Yao et al., "τ-bench", 2024).
"""

from typing import NamedTuple

import numpy as np
from scipy.special import comb

from bench.statistics.arms import Arms
from bench.statistics.errors import NotIdentifiedError
from bench.statistics.estimate import Estimate
from bench.statistics.estimators import Terms
from bench.statistics.publish import published
from bench.statistics.table import Floats, Ints


class PassAtK(NamedTuple):
    """pass@k and pass^k, as means over issues of the mean over their arms with at least k runs."""

    any_of_k: Estimate
    all_of_k: Estimate


def pass_at_k(arms: Arms, k: int, *, seed: int, cell: int | None = None) -> PassAtK:
    """Unbiased pass@k and pass^k of the arms of `cell`, or of every action where None.

    `arms` have the outcome "passed": their means are shares of passed runs.

    Raises: `NotIdentifiedError` where no arm ran k times.
    """
    able = (arms.runs >= k) & arms.of_cell(cell)
    if not able.any():
        raise NotIdentifiedError(
            f"no arm was run {k} times; run the bench with `replicates: {k}`, or ask for a smaller k"
        )
    runs, passes = arms.runs[able], np.rint(arms.runs * arms.mean)[able]
    ways = comb(runs, k)
    issue = arms.issue[able]
    either = 1 - comb(runs - passes, k) / ways
    every = comb(passes, k) / ways
    return PassAtK(
        published(f"pass@{k}", _by_issue(issue, either), seed, f"unbiased from up to {int(runs.max())} runs"),
        published(f"pass^{k}", _by_issue(issue, every), seed, f"unbiased from up to {int(runs.max())} runs"),
    )


def _by_issue(issue: Ints, values: Floats) -> Terms:
    _, cluster = np.unique(issue, return_inverse=True)
    means = np.bincount(cluster, weights=values) / np.bincount(cluster)
    return Terms(means[None, :], np.ones((1, len(means))))
