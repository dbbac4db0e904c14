"""What each policy is worth: every estimator, one recommended, and the checks without which none is given."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from bench.errors import BenchError
from bench.statistics.cross_fit import GroupBy
from bench.statistics.diagnostics import Diagnostics, why_no_lottery
from bench.statistics.estimate import Estimate, refused
from bench.statistics.intervals import linearised, resampled
from bench.statistics.judging import ESTIMATORS, LINEARISED, RECOMMENDED, Judge, Judged
from bench.statistics.logs import check_policy
from bench.statistics.missing import MissingReport
from bench.statistics.outcomes import Outcome, pass_own_budget
from bench.statistics.sequence import ALWAYS_VALID, sequence
from bench.statistics.table import BenchTable, Floats

AT_THE_END: Final = "some cases have no verdict, and this interval holds only where all have one"


@dataclass(frozen=True)
class PolicyValue:
    """What is known of one policy. Every estimate may be a refusal that says why."""

    policy: str
    recommended: Estimate
    """DR with its linearised interval."""
    difference: Estimate | None
    """DR of this policy minus that of the reference, on the same issues; None for the reference."""
    estimates: Mapping[str, Estimate]
    """By estimator, linearised; DM, and SWITCH-DR where it drops weights, have no interval."""
    resampled: Mapping[str, Estimate]
    """By estimator, BCa of the bootstrap over issues."""
    finite_sample: Estimate
    """A bracket that holds at any size, and whatever the missing executions would have been."""
    bounds: Estimate
    """Manski's bracket: every missing execution at its worst, and at its best."""
    complete_case: Estimate
    """Hájek over what was observed, as if nothing were missing."""
    diagnostics: Diagnostics | None
    """None where the arms come from no lottery."""
    missing: MissingReport | None
    """None where the arms come from no lottery."""


def policy_values(
    table: BenchTable,
    policies: Mapping[str, Floats],
    features: Floats,
    *,
    seed: int,
    group_by: GroupBy,
    reference: str | None = None,
    outcome: Outcome | None = None,
    expected: int | None = None,
) -> list[PolicyValue]:
    """One value for each of `policies`, in their order; each is (N, 240) chances of the cells.

    `features` (N, D) describe the cases, as `issue_features` does. `group_by` is what no fold of the outcome
    model splits. Differences are against `reference`, the first policy where None. `outcome` is
    `pass_own_budget` where None. While a bench goes on, `expected` is how many issues it will have: intervals
    are then confidence sequences, and those that hold only at the end are refused. A `BenchError` for shapes
    that do not fit; data that are too few or cannot answer are no error but a refusal in every estimate.
    """
    _check(table, policies, features, reference)
    named = next(iter(policies), None) if reference is None else reference
    told = outcome or pass_own_budget(table)
    if why := why_no_lottery(table):
        return [_nothing(name, told.estimand, why, name == named) for name in policies]
    judge = Judge(table, features, told, group_by)
    judged = {name: Judged(judge, policy) for name, policy in policies.items()}
    against = {name: None if name == named else judged[str(named)] for name in judged}
    if expected is not None:
        return [_look(name, one, judge, against[name], expected) for name, one in judged.items()]
    return [_value(name, one, judge, seed, against[name]) for name, one in judged.items()]


def _check(
    table: BenchTable, policies: Mapping[str, Floats], features: Floats, reference: str | None
) -> None:
    if reference is not None and reference not in policies:
        raise BenchError(f"the reference policy {reference!r} is not among {', '.join(policies) or 'none'}")
    if features.ndim != 2 or len(features) != len(table.cases) or not np.isfinite(features).all():
        raise BenchError(f"features have the shape {features.shape}; give numbers, one row for each case")
    for name, policy in policies.items():
        check_policy(name, policy, table)


def _value(name: str, of: Judged, judge: Judge, seed: int, reference: Judged | None) -> PolicyValue:
    estimates = of.estimates(LINEARISED, linearised)
    return PolicyValue(
        policy=name,
        recommended=estimates[RECOMMENDED.name],
        difference=of.minus(reference) if reference else None,
        estimates=estimates,
        resampled=of.estimates("95 % BCa", lambda sums: resampled(sums, seed)),
        finite_sample=of.finite_sample(),
        bounds=of.bounds(),
        complete_case=of.complete_case(),
        diagnostics=of.diagnostics,
        missing=judge.missing,
    )


def _look(name: str, of: Judged, judge: Judge, reference: Judged | None, expected: int) -> PolicyValue:
    interval = partial(sequence, expected=expected)
    estimates = of.estimates(ALWAYS_VALID, interval)
    later = {kind: refused(judge.outcome.estimand, kind, AT_THE_END) for kind in estimates}
    one = later[RECOMMENDED.name]
    return PolicyValue(
        policy=name,
        recommended=estimates[RECOMMENDED.name],
        difference=of.minus(reference, ALWAYS_VALID, interval) if reference else None,
        estimates=estimates,
        resampled=later,
        finite_sample=one,
        bounds=one,
        complete_case=one,
        diagnostics=of.diagnostics,
        missing=judge.missing,
    )


def _nothing(name: str, estimand: str, why: str, is_reference: bool) -> PolicyValue:
    none = {estimator.name: refused(estimand, estimator.name, why) for estimator in ESTIMATORS}
    one = none[RECOMMENDED.name]
    return PolicyValue(name, one, None if is_reference else one, none, none, one, one, one, None, None)
