"""Reliability of actions over repeated runs: pass@k and pass^k by action, and over all, weighted by 1/π."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from bench.statistics.action_rates import (
    FEWEST_ISSUES,
    PLAIN,
    WEIGHTED,
    group_rates,
    is_weighted,
    pooled_estimate,
    pooled_sample,
    topologies,
)
from bench.statistics.estimate import Estimate, refused
from bench.statistics.outcomes import OWN_BUDGET, Outcome, judged_by
from bench.statistics.pass_at_k import pass_at_k
from bench.statistics.pooled_rates import pooled_rates
from bench.statistics.table import BenchTable, Bools, Floats
from planner.space.heads import N_CELLS

_ALL: Final = "all actions"
_Estimates = Mapping[int | None, Estimate]


class AtK(NamedTuple):
    """pass@k and pass^k for `k` runs."""

    k: int
    any_of_k: Estimate
    all_of_k: Estimate


class Reliability(NamedTuple):
    """Reliability of one action over the issues on which it could be drawn; `cell` None: of a mean action.

    Those of an action are partially pooled over the actions; a mean action is uniform over those that could be drawn.
    """

    cell: int | None
    issues: int
    runs: int
    passed: int
    passes: Estimate
    """The pass rate of one run."""
    at_k: tuple[AtK, ...]


def reliability(
    table: BenchTable, ks: Sequence[int], *, seed: int, passes: Outcome | None = None
) -> tuple[Reliability, ...]:
    """Reliability of all actions together, then of each observed action, by cell; unsupported numbers are refused.

    `passes` is the outcome of passing, `pass_own_budget` where None.
    """
    table, estimand = judged_by(table, passes), OWN_BUDGET if passes is None else passes.estimand
    observed = table.replicates > 0
    cells: list[int | None] = [None, *np.unique(table.arm_cell[observed]).tolist()]
    rates = _estimates(table, cells, estimand, 1, table.arm_means(table.passed), seed)
    at_k: dict[int, tuple[_Estimates, _Estimates]] = {}
    for k in ks:
        values = pass_at_k(table, k)
        at_k[k] = (
            _estimates(table, cells, f"pass@{k}", k, values.any_of_k, seed),
            _estimates(table, cells, f"pass^{k}", k, values.all_of_k, seed),
        )
    return tuple(
        Reliability(
            cell,
            *_counts(table, observed & _of(table, cell)),
            passes=rates[cell],
            at_k=tuple(AtK(k, either[cell], every[cell]) for k, (either, every) in at_k.items()),
        )
        for cell in cells
    )


def _of(table: BenchTable, cell: int | None) -> Bools:
    everything: Bools = np.full(len(table.arm_cell), True)
    return everything if cell is None else table.arm_cell == cell


def _counts(table: BenchTable, here: Bools) -> tuple[int, int, int]:
    """(issues, runs, passed) of the arms `here`."""
    runs = table.observed & here[table.run_arm]
    return _issues(table, here), int(runs.sum()), int(table.passed[runs].sum())


def _issues(table: BenchTable, here: Bools) -> int:
    return len(np.unique(table.case_issue[table.arm_case[here]]))


def _estimates(
    table: BenchTable, cells: Sequence[int | None], estimand: str, k: int, values: Floats, seed: int
) -> _Estimates:
    """Of `values` (A,), NaN where missing: the pooled mean of each of `cells`, and for None that of a mean action."""
    able: Bools = np.isfinite(values)
    weighted = is_weighted(table)
    refusals = {
        cell: refused(estimand, WEIGHTED if weighted else PLAIN, _why_not(able & _of(table, cell), k))
        for cell in cells
    }
    # Pooling helps an action with few issues, not a bench with few.
    if _issues(table, able) < FEWEST_ISSUES:
        return {**refusals, None: refusals[None]}
    (everything,) = group_rates(table, {_ALL: np.full(N_CELLS, True)}, values, seed=seed)
    able_cells, sample = pooled_sample(table, values, able)
    pooled = pooled_rates(sample, topologies(able_cells))
    estimates = {
        cell: pooled_estimate(estimand, pooled, action, weighted=weighted)
        for action, cell in enumerate(able_cells.tolist())
    }
    return {**refusals, **estimates, None: everything.passes._replace(estimand=estimand)}


def _why_not(able: Bools, k: int) -> str:
    if k > 1 and not able.any():
        return f"no arm was observed {k} times: submit the bench with --replicates {k}"
    often = "" if k == 1 else f" {k} times"
    return f"observed{often} in fewer than {FEWEST_ISSUES} issues: bench more issues"
