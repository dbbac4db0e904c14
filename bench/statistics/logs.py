"""What estimators see of a bench with several arms a case."""

import numpy as np

from bench.errors import BenchError
from bench.statistics.estimators import Log
from bench.statistics.table import BenchTable, Floats
from planner.space.heads import N_CELLS

_SUMS_TO_ONE = 1e-6


def bench_log(
    table: BenchTable,
    policy: Floats,
    values: Floats,
    inverse: Floats | None = None,
    fitted: Floats | None = None,
) -> Log:
    """The arms of `table` as `policy` (N, 240) weighs them.

    `values` (E,) are NaN where missing. With `inverse` (E,), one over the probability of being observed, an
    observed execution stands for the missing ones like it; without it, the arms that were observed at all
    count as if nothing were missing. `fitted` (N, 240) comes from `cross_fitted`; None where no model is used.
    """
    arms = len(table.arm_case)
    known = np.isfinite(values)
    standing = np.where(known, 1.0 if inverse is None else inverse, 0.0)
    mass = np.bincount(table.run_arm, weights=standing, minlength=arms)
    total = np.bincount(table.run_arm, weights=standing * np.where(known, values, 0.0), minlength=arms)
    runs = np.bincount(table.run_arm, minlength=arms)
    told = (
        np.minimum(mass, 1.0)
        if inverse is None
        else np.divide(mass, runs, where=runs > 0, out=np.zeros(arms))
    )
    cells = np.zeros((len(table.cases), N_CELLS)) if fitted is None else fitted
    return Log(
        arm_case=table.arm_case,
        case_issue=table.case_issue,
        weight=design_weights(table, policy) * told,
        outcome=np.divide(total, mass, where=mass > 0, out=np.zeros(arms)),
        fitted=cells[table.arm_case, table.arm_cell],
        direct=(policy * cells).sum(axis=1),
    )


def design_weights(table: BenchTable, policy: Floats) -> Floats:
    """(A,) chance under the policy ÷ inclusion probability."""
    weights: Floats = policy[table.arm_case, table.arm_cell] / table.propensity
    return weights


def check_policy(name: str, policy: Floats, table: BenchTable) -> None:
    """A `BenchError` where `policy` is not (N, 240) probabilities that sum to 1 in each case."""
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
