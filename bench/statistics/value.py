"""Off-policy evaluation of policies: all estimators, one of them recommended, and the diagnostics they must pass."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from bench.errors import BenchError
from bench.statistics.comparisons import Difference, holm_family, look_family
from bench.statistics.cross_fit import GroupBy
from bench.statistics.diagnostics import Diagnostics, why_no_lottery
from bench.statistics.estimate import Estimate, refused
from bench.statistics.intervals import linearised, resampled
from bench.statistics.judging import ESTIMATORS, LINEARISED, RECOMMENDED, Judge, Judged
from bench.statistics.logs import check_policy
from bench.statistics.missing import MOST_WEIGHTED, MissingReport, PolicyMissing
from bench.statistics.outcomes import OWN_BUDGET, WITHIN_CAPS, Outcome, pass_outcome
from bench.statistics.sequence import ALWAYS_VALID, sequence
from bench.statistics.table import BenchTable, Floats

AT_THE_END: Final = "some cases have no verdict, and this interval holds only where all have one"
BOUNDS: Final = "Manski bounds"


@dataclass(frozen=True)
class PolicyValue:
    """Off-policy evaluation of one policy. Every estimate may be a refusal with its reason."""

    policy: str
    recommended: Estimate
    """The value on issues like these: doubly robust (DR), issue-adjusted where the table allows it, or the Manski
    bounds where more than `MOST_WEIGHTED` of the policy's runs are missing."""
    these_issues: Estimate
    """The value on these issues: the interval is over the draw of the arms and the noise of runs alone."""
    difference: Estimate | None
    """This policy minus the reference, on issues like these, paired by issue; None for the reference. Its interval is
    adjusted for all differences of the report."""
    difference_here: Estimate | None
    """The same on these issues."""
    difference_p: float | None
    """Holm-adjusted p-value of `difference`; None where there is none."""
    difference_here_p: float | None
    estimator: str
    """The name of the recommended estimator of points, a key of `estimates`."""
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
    """Of all runs of the table; None where the arms come from no lottery."""
    own_missing: PolicyMissing | None
    """Of the policy's own runs, weighted; None where it has none."""

    @property
    def leading(self) -> str:
        """The name of the estimator of `recommended`."""
        return BOUNDS if self.recommended is self.bounds else self.estimator


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
    outcome model splits. Differences are against `reference`, the first policy where None; their intervals are
    adjusted for all of them together. `outcome` is that of `pass_outcome` where None. While a bench runs, `expected`
    is the number of issues it will have: intervals are then confidence sequences, and intervals valid only at the
    end are refused.

    Returns: one value a policy; too few or unsuitable data give refusals, not an error.
    Raises: `BenchError` for shapes that do not match.
    """
    _check(table, policies, features, reference)
    named = next(iter(policies), None) if reference is None else reference
    outcome = outcome or pass_outcome(table)
    if why := why_no_lottery(table) or _why_no_outcome(outcome):
        return [_nothing(name, outcome.estimand, why, name == named) for name in policies]
    judge = Judge(table, features, outcome, group_by, policies=len(policies))
    judged = {name: Judged(judge, policy) for name, policy in policies.items()}
    against = {name: None if name == named else judged[str(named)] for name in judged}
    if expected is not None:
        values = [_look(name, of, judge, against[name], expected) for name, of in judged.items()]
    else:
        values = [_value(name, of, judge, seed, against[name]) for name, of in judged.items()]
    return _adjusted(values, len(table.issues), expected)


def _why_no_outcome(outcome: Outcome) -> str | None:
    if np.isfinite(outcome.values).any():
        return None
    return f"all {len(outcome.values)} runs are missing: see the errors in bench report, and run them again"


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
    bounds = of.bounds()
    return PolicyValue(
        policy=name,
        recommended=bounds if _bounds_lead(of) else estimates[judge.recommended.name],
        these_issues=_why_missing(of, judge) or of.these_issues(),
        difference=_unless_missing(of, reference, judge, lambda other: of.minus(other)),
        difference_here=_unless_missing(of, reference, judge, lambda other: of.minus_here(other)),
        difference_p=None,
        difference_here_p=None,
        estimator=judge.recommended.name,
        estimates=estimates,
        resampled=of.estimates("95 % BCa", lambda sums: resampled(sums, seed)),
        finite_sample=of.finite_sample(),
        bounds=bounds,
        complete_case=of.complete_case(),
        diagnostics=of.diagnostics,
        missing=judge.missing,
        own_missing=of.missing,
    )


def _look(name: str, of: Judged, judge: Judge, reference: Judged | None, expected: int) -> PolicyValue:
    interval = partial(sequence, expected=expected)
    estimates = of.estimates(ALWAYS_VALID, interval)
    later = {kind: refused(judge.outcome.estimand, kind, AT_THE_END) for kind in estimates}
    later_refusal = later[judge.recommended.name]
    bounds = of.bounds(ALWAYS_VALID, interval)
    return PolicyValue(
        policy=name,
        recommended=bounds if _bounds_lead(of) else estimates[judge.recommended.name],
        these_issues=later_refusal,
        difference=_unless_missing(
            of, reference, judge, lambda other: of.minus(other, ALWAYS_VALID, interval)
        ),
        difference_here=later_refusal if reference else None,
        difference_p=None,
        difference_here_p=None,
        estimator=judge.recommended.name,
        estimates=estimates,
        resampled=later,
        finite_sample=later_refusal,
        bounds=bounds,
        complete_case=later_refusal,
        diagnostics=of.diagnostics,
        missing=judge.missing,
        own_missing=of.missing,
    )


def _nothing(name: str, estimand: str, why: str, is_reference: bool) -> PolicyValue:
    refusals = {estimator.name: refused(estimand, estimator.name, why) for estimator in ESTIMATORS}
    refusal = refusals[RECOMMENDED.name]
    return PolicyValue(
        policy=name,
        recommended=refusal,
        these_issues=refusal,
        difference=None if is_reference else refusal,
        difference_here=None if is_reference else refusal,
        difference_p=None,
        difference_here_p=None,
        estimator=RECOMMENDED.name,
        estimates=refusals,
        resampled=refusals,
        finite_sample=refusal,
        bounds=refused(estimand, BOUNDS, why),
        complete_case=refusal,
        diagnostics=None,
        missing=None,
        own_missing=None,
    )


def _bounds_lead(of: Judged) -> bool:
    return of.missing is not None and of.missing.bounds_lead


def _unless_missing(
    of: Judged, reference: Judged | None, judge: Judge, difference: Callable[[Judged], Estimate]
) -> Estimate | None:
    """The difference from `reference`, or its refusal where too many runs of either policy are missing."""
    if reference is None:
        return None
    of_reference = _why_missing(reference, judge, "the reference's")
    return of_reference or _why_missing(of, judge) or difference(reference)


def _why_missing(of: Judged, judge: Judge, whose: str = "its") -> Estimate | None:
    """The refusal of a point estimate where too many of the policy's runs are missing."""
    if of.missing is None or not of.missing.bounds_lead:
        return None
    estimand = judge.outcome.estimand
    remedy = "run them again under higher caps"
    if estimand == OWN_BUDGET and "killed_by_cap" in of.missing.by_class:
        remedy += f", or estimate {WITHIN_CAPS}"
    why = (
        f"more than {100 * MOST_WEIGHTED:g} % of {whose} runs are missing, so only bounds are claimed, and no ranking; "
        f"{remedy}"
    )
    return refused(estimand, judge.recommended.name, why)


def _adjusted(values: list[PolicyValue], issues: int, expected: int | None) -> list[PolicyValue]:
    """The values with their differences adjusted; those on these issues and on issues like these are two families."""
    others = [value for value in values if value.difference is not None]

    def family(estimates: list[Estimate | None]) -> list[Difference]:
        given = [estimate for estimate in estimates if estimate is not None]
        return holm_family(given, issues) if expected is None else look_family(given, issues, expected)

    rows = zip(
        others,
        family([value.difference for value in others]),
        family([value.difference_here for value in others]),
        strict=True,
    )
    by_policy = {
        value.policy: replace(
            value,
            difference=like.estimate,
            difference_p=like.p_value,
            difference_here=here.estimate,
            difference_here_p=here.p_value,
        )
        for value, like, here in rows
    }
    return [by_policy.get(value.policy, value) for value in values]
