"""Off-policy evaluation of policies: all estimators, one of them recommended, and the diagnostics they must pass."""

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
    """Off-policy evaluation of one policy. Every estimate may be a refusal with its reason."""

    policy: str
    recommended: Estimate
    """Doubly robust (DR), issue-adjusted where the table allows it, with its interval for issues like these."""
    difference: Estimate | None
    """This policy minus the reference, paired by issue, for issues like these; None for the reference."""
    these_issues: Estimate
    """The recommended estimate, with its interval for exactly these issues."""
    difference_here: Estimate | None
    """The difference with its interval for exactly these issues; None for the reference."""
    estimator: str
    """The name of the recommended estimator, a key of `estimates`."""
    estimates: Mapping[str, Estimate]
    """By estimator, linearised; DM, and SWITCH-DR where it drops weights, have no interval."""
    resampled: Mapping[str, Estimate]
    """By estimator, with BCa bootstrap intervals over issues."""
    finite_sample: Estimate
    """A bracket valid at any sample size, and for any outcome of the missing executions."""
    bounds: Estimate
    """Manski bounds: every missing execution at its worst, and at its best."""
    complete_case: Estimate
    """Complete-case analysis: Hájek over the observed executions."""
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
    """Off-policy value of each of `policies`, in their order; each is (N, 240) probabilities of the cells.

    `features` (N, D) describe the cases, as `issue_features` does. `group_by` is the cluster that no fold of the
    outcome model splits. Differences are against `reference`, the first policy where None. `outcome` is
    `pass_own_budget` where None. While a bench runs, `expected` is the number of issues it will have: intervals
    are then confidence sequences, and intervals valid only at the end are refused.

    Returns: one value a policy; too few or unsuitable data give refusals, not an error.
    Raises: `BenchError` for shapes that do not match.
    """
    _check(table, policies, features, reference)
    named = next(iter(policies), None) if reference is None else reference
    outcome = outcome or pass_own_budget(table)
    if why := why_no_lottery(table):
        return [_nothing(name, outcome.estimand, why, name == named) for name in policies]
    judge = Judge(table, features, outcome, group_by)
    judged = {name: Judged(judge, policy) for name, policy in policies.items()}
    against = {name: None if name == named else judged[str(named)] for name in judged}
    if expected is not None:
        return [_look(name, of, judge, against[name], expected) for name, of in judged.items()]
    return [_value(name, of, judge, seed, against[name]) for name, of in judged.items()]


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
        recommended=estimates[judge.recommended.name],
        difference=of.minus(reference) if reference else None,
        these_issues=of.these_issues(),
        difference_here=of.minus_here(reference) if reference else None,
        estimator=judge.recommended.name,
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
    later_refusal = later[judge.recommended.name]
    return PolicyValue(
        policy=name,
        recommended=estimates[judge.recommended.name],
        difference=of.minus(reference, ALWAYS_VALID, interval) if reference else None,
        these_issues=later_refusal,
        difference_here=later_refusal if reference else None,
        estimator=judge.recommended.name,
        estimates=estimates,
        resampled=later,
        finite_sample=later_refusal,
        bounds=later_refusal,
        complete_case=later_refusal,
        diagnostics=of.diagnostics,
        missing=judge.missing,
    )


def _nothing(name: str, estimand: str, why: str, is_reference: bool) -> PolicyValue:
    refusals = {estimator.name: refused(estimand, estimator.name, why) for estimator in ESTIMATORS}
    refusal = refusals[RECOMMENDED.name]
    return PolicyValue(
        policy=name,
        recommended=refusal,
        difference=None if is_reference else refusal,
        these_issues=refusal,
        difference_here=None if is_reference else refusal,
        estimator=RECOMMENDED.name,
        estimates=refusals,
        resampled=refusals,
        finite_sample=refusal,
        bounds=refusal,
        complete_case=refusal,
        diagnostics=None,
        missing=None,
    )
