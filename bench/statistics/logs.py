"""Logged data for off-policy estimators, from benches with several arms a case."""

import numpy as np

from bench.errors import BenchError
from bench.statistics.estimators import Log
from bench.statistics.issue_effect import IssueEffect
from bench.statistics.table import BenchTable, Floats
from planner.space.heads import N_CELLS

_SUMS_TO_ONE = 1e-6


def bench_log(
    table: BenchTable,
    policy: Floats,
    values: Floats,
    inverse: Floats | None = None,
    fitted: Floats | None = None,
    effect: IssueEffect | None = None,
) -> Log:
    """The importance-weighted arms of `table` under `policy` (N, 240).

    `values` (E,) are NaN where missing. `inverse` (E,) are inverse-probability-of-censoring weights; without
    them, arms with at least one observed execution count in full (complete-case analysis). `fitted` (N, 240)
    are the predictions of `cross_fitted`; None where no outcome model is used. `effect` is their issue adjustment.
    """
    arms = len(table.arm_case)
    known = np.isfinite(values)
    weights = np.where(known, 1.0 if inverse is None else inverse, 0.0)
    mass = np.bincount(table.run_arm, weights=weights, minlength=arms)
    total = np.bincount(table.run_arm, weights=weights * np.where(known, values, 0.0), minlength=arms)
    cells = np.zeros((len(table.cases), N_CELLS)) if fitted is None else fitted
    return Log(
        arm_case=table.arm_case,
        case_issue=table.case_issue,
        weight=design_weights(table, policy) * observed_shares(table, values, inverse),
        outcome=np.divide(total, mass, where=mass > 0, out=np.zeros(arms)),
        fitted=cells[table.arm_case, table.arm_cell],
        direct=(policy * cells).sum(axis=1),
        correction=None if effect is None else effect.under(table, policy),
    )


def observed_shares(table: BenchTable, values: Floats, inverse: Floats | None = None) -> Floats:
    """(A,) the mean over the executions of an arm of `inverse` where observed, 0 where missing; without `inverse`, 1
    for an arm with an observed execution. Its expectation is 1 where the weights are right."""
    arms = len(table.arm_case)
    known = np.isfinite(values)
    if inverse is None:
        return (np.bincount(table.run_arm, weights=known, minlength=arms) > 0).astype(np.float64)
    mass = np.bincount(table.run_arm, weights=np.where(known, inverse, 0.0), minlength=arms)
    runs = np.bincount(table.run_arm, minlength=arms)
    shares: Floats = np.divide(mass, runs, where=runs > 0, out=np.zeros(arms))
    return shares


def design_weights(table: BenchTable, policy: Floats) -> Floats:
    """(A,) importance weights: probability under the policy ÷ inclusion probability."""
    weights: Floats = policy[table.arm_case, table.arm_cell] / table.propensity
    return weights


def fixed_policy(cases: int, cell: int) -> Floats:
    """(cases, 240) the policy that takes one action in every case: a read-only view, as a bench has many of both."""
    row = np.zeros(N_CELLS)
    row[cell] = 1.0
    return np.broadcast_to(row, (cases, N_CELLS))


def check_policy(name: str, policy: Floats, table: BenchTable) -> None:
    """Raise `BenchError` where `policy` is not (N, 240) probabilities that sum to 1 in each case."""
    wanted = (len(table.cases), N_CELLS)
    if policy.shape != wanted:
        raise BenchError(
            f"policy {name!r} has the shape {policy.shape}; give one row of chances a case, {wanted}"
        )
    if not np.isfinite(policy).all() or (policy < 0).any():
        raise BenchError(f"policy {name!r} has chances that are negative or no numbers")
    if (np.abs(policy.sum(axis=1) - 1) > _SUMS_TO_ONE).any():
        case = table.cases[int(np.argmax(np.abs(policy.sum(axis=1) - 1)))]
        raise BenchError(f"the chances of policy {name!r} in case {case!r} do not sum to 1")
