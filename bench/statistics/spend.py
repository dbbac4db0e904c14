"""Off-policy estimates of what a run costs: mean dollars or minutes of policies and of fixed actions."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from bench.errors import BenchError
from bench.statistics.cross_fit import GroupBy, cross_fitted
from bench.statistics.diagnostics import why_no_lottery
from bench.statistics.errors import UnsupportedError
from bench.statistics.estimate import Estimate, refused
from bench.statistics.estimators import DOUBLY_ROBUST, Terms, minus, terms, value
from bench.statistics.intervals import Interval, linearised
from bench.statistics.logs import bench_log, check_policy
from bench.statistics.missing import observation_weights
from bench.statistics.outcomes import Outcome
from bench.statistics.table import BenchTable, Floats

FEWEST_ISSUES: Final = 10
"""Issues in which the actions of a policy must have run."""


class SpendValue(NamedTuple):
    """Mean dollars or minutes of a run under one policy, on issues like these."""

    value: Estimate
    difference: Estimate | None
    """This policy minus the reference, paired by issue; None for the reference and without one."""


def spend_values(
    table: BenchTable,
    policies: Mapping[str, Floats],
    features: Floats,
    values: Floats,
    *,
    estimand: str,
    group_by: GroupBy = "issue",
    reference: str | None = None,
) -> dict[str, SpendValue]:
    """Mean of `values` under each of `policies`, doubly robust, with an interval over issues.

    `policies` are (N, 240) probabilities of the cells; `values` (E,) are the dollars or minutes of each execution,
    0 or more, NaN where unknown; `features` (N, D) describe the cases. Differences are against `reference`.

    Returns: a value for each policy by its name, in `estimand`'s unit; too few or unsuitable data give refusals.
    Raises: `BenchError` for shapes that do not match, or values below 0.
    """
    _check(table, policies, values, reference)
    if why := why_no_lottery(table):
        return {name: _refused(estimand, why, reference not in (None, name)) for name in policies}
    outcome = Outcome(estimand, values, 0.0, np.inf)
    try:
        fitted = cross_fitted(table, features, outcome, group_by)
    except UnsupportedError as error:
        return {name: _refused(estimand, str(error), reference not in (None, name)) for name in policies}
    inverse = observation_weights(table, features, outcome)
    sums: dict[str, Terms | str] = {}
    for name, policy in policies.items():
        log = bench_log(table, policy, values, inverse, fitted)
        issues = len(np.unique(table.case_issue[log.arm_case[log.weight > 0]]))
        sums[name] = _why_not(table, policy, issues) or terms(DOUBLY_ROBUST, log)
    how = f"cross-fitted by {group_by}, 95 % t over {len(table.issues)} issues"
    return {name: _spend(name, sums, reference, estimand, how) for name in policies}


def _check(table: BenchTable, policies: Mapping[str, Floats], values: Floats, reference: str | None) -> None:
    if reference is not None and reference not in policies:
        raise BenchError(f"the reference policy {reference!r} is not among {', '.join(policies) or 'none'}")
    if values.shape != table.run_arm.shape or np.nanmin(values, initial=0.0) < 0:
        raise BenchError("give the dollars or minutes of every execution, 0 or more, NaN where unknown")
    for name, policy in policies.items():
        check_policy(name, policy, table)


def _why_not(table: BenchTable, policy: Floats, issues: int) -> str | None:
    if np.any(policy[table.chances <= 0] > 0):
        return "it takes actions that this bench could never draw: bench with a strategy that reaches them"
    if issues < FEWEST_ISSUES:
        return (
            f"its actions ran in {issues} issues with a known amount, and {FEWEST_ISSUES} are needed: "
            "bench more issues, or more arms an issue"
        )
    return None


def _spend(
    name: str, sums: Mapping[str, Terms | str], reference: str | None, estimand: str, how: str
) -> SpendValue:
    own = sums[name]
    alone = _published(own, estimand, f"DR, {how}")
    if reference is None or name == reference:
        return SpendValue(alone, None)
    method = f"difference of DR, paired, {how}"
    other = sums[reference]
    if isinstance(own, str):
        return SpendValue(alone, refused(estimand, method, own))
    difference = other if isinstance(other, str) else minus(own, other)
    return SpendValue(alone, _published(difference, estimand, method))


def _published(of: Terms | str, estimand: str, method: str) -> Estimate:
    if isinstance(of, str):
        return refused(estimand, method, of)
    limits = linearised(of)
    if not np.isfinite(limits).all():
        return refused(estimand, method, "one issue has no variance: bench more issues")
    return Estimate(estimand, value(of), *Interval(limits.low, limits.high), method)


def _refused(estimand: str, why: str, compared: bool) -> SpendValue:
    refusal = refused(estimand, DOUBLY_ROBUST.name, why)
    return SpendValue(refusal, refusal if compared else None)
