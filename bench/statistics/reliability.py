"""Reliability of actions over repeated runs: pass@k and pass^k by action, and over all."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from bench.statistics.arms import Arms, arms_of
from bench.statistics.estimate import Estimate, refused
from bench.statistics.frontier import FEWEST_ISSUES
from bench.statistics.outcomes import OWN_BUDGET
from bench.statistics.pass_at_k import PassAtK, pass_at_k
from bench.statistics.table import BenchTable, Bools

_METHOD: Final = "95 % BCa over issues"


class AtK(NamedTuple):
    """pass@k and pass^k for `k` runs."""

    k: int
    any_of_k: Estimate
    all_of_k: Estimate


class Reliability(NamedTuple):
    """Reliability of one action over the issues in which it was observed; `cell` None: every action."""

    cell: int | None
    issues: int
    runs: int
    passed: int
    passes: Estimate
    """The pass rate of one run, averaged by issue like the others."""
    at_k: tuple[AtK, ...]


def reliability(table: BenchTable, ks: Sequence[int], *, seed: int) -> tuple[Reliability, ...]:
    """Reliability of all actions together, then of each observed action, by cell; unsupported numbers are refused.

    Every figure is over the issues in which the action was observed. These differ from action to action: compare
    two actions by importance-weighted estimates instead.
    """
    arms = arms_of(table, table.passed)
    return tuple(_of(arms, cell, ks, seed) for cell in (None, *arms.cells.tolist()))


def _of(arms: Arms, cell: int | None, ks: Sequence[int], seed: int) -> Reliability:
    here = arms.of_cell(cell)

    def at(k: int) -> PassAtK:
        why = _why_not(arms, here, k)
        if why is None:
            return pass_at_k(arms, k, seed=seed, cell=cell)
        return PassAtK(refused(f"pass@{k}", _METHOD, why), refused(f"pass^{k}", _METHOD, why))

    return Reliability(
        cell,
        issues=len(np.unique(arms.issue[here])),
        runs=int(arms.runs[here].sum()),
        passed=round(float(arms.runs[here] @ arms.mean[here])),
        passes=at(1).any_of_k._replace(estimand=OWN_BUDGET),
        at_k=tuple(AtK(k, *at(k)) for k in ks),
    )


def _why_not(arms: Arms, here: Bools, k: int) -> str | None:
    able = here & (arms.runs >= k)
    if k > 1 and not able.any():
        return f"no arm was observed {k} times: submit the bench with --replicates {k}"
    if len(np.unique(arms.issue[able])) < FEWEST_ISSUES:
        often = "" if k == 1 else f" {k} times"
        return f"observed{often} in fewer than {FEWEST_ISSUES} issues: bench more issues"
    return None
