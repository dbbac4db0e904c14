"""Outcome model of amounts above zero: additive on the log scale, cross-fitted, with smearing and an issue effect."""

from functools import partial
from typing import Final

import numpy as np

from bench.statistics.case_effects import case_effects
from bench.statistics.cross_fit import GroupBy, cross_fitted, folds, ridge
from bench.statistics.issue_effect import IssueEffect, issue_effect
from bench.statistics.outcomes import Outcome
from bench.statistics.table import BenchTable, Floats

PENALTY: Final = 2.0
"""Noise of a logarithm (about 0.7²) over the variance of one feature's effect (about 0.5²)."""
_LEAST: Final = 0.01
"""Amounts below this share of the mean, such as 0, count as this share on the log scale."""


def amounts_model(
    table: BenchTable, features: Floats, outcome: Outcome, group_by: GroupBy
) -> tuple[Floats, IssueEffect | None]:
    """(N, 240) cross-fitted predictions of the amounts `outcome`, some above 0, and their issue adjustment.

    Predictions are exp(log-scale prediction) times the ratio of the amounts to them outside the fold (Duan's
    smearing, 1983). An issue's effect multiplies all amounts of the issue.
    """
    amounts = table.arm_means(outcome.values)
    known = np.isfinite(outcome.values)
    least = _LEAST * float(outcome.values[known].mean())
    logs = np.log(np.maximum(outcome.values, least))
    logged = Outcome(outcome.estimand, logs, float(logs[known].min()), float(logs[known].max()))
    fitted = cross_fitted(table, features, logged, group_by, partial(ridge, PENALTY), PENALTY)
    own = fitted[table.arm_case, table.arm_cell]
    observed = np.isfinite(amounts)
    smeared = np.exp(fitted)
    for held_out in folds(table, features, group_by):
        learn = observed & ~held_out[table.arm_case]
        smeared[held_out] *= amounts[learn].sum() / np.exp(own[learn]).sum()
    smeared[:, ~(table.chances > 0).any(axis=0)] = 0.0
    residuals = np.log(np.maximum(amounts, least)) - own
    effects = case_effects(table, residuals, folds(table, features, group_by), logarithms=True)
    return smeared, issue_effect(table, smeared, effects, _multiplied)


def _multiplied(predicted: Floats, shift: Floats) -> Floats:
    multiplied: Floats = predicted * np.expm1(shift)
    return multiplied
