"""Off-policy estimates of what a run costs: mean dollars or minutes of policies and of fixed actions."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from bench.errors import BenchError
from bench.statistics.cross_fit import GroupBy
from bench.statistics.diagnostics import why_no_lottery
from bench.statistics.errors import UnsupportedError
from bench.statistics.estimate import Estimate, refused
from bench.statistics.estimators import (
    ADJUSTED_DR,
    DOUBLY_ROBUST,
    Estimator,
    Log,
    Terms,
    minus,
    terms,
    value,
)
from bench.statistics.intervals import Interval
from bench.statistics.logs import bench_log, check_policy, fixed_policy
from bench.statistics.missing import observation_weights
from bench.statistics.outcomes import Outcome
from bench.statistics.skewed import (
    interval_above_zero,
    interval_of_difference,
    resampled_together,
)
from bench.statistics.spend_model import amounts_model
from bench.statistics.table import BenchTable, Floats

DOLLARS: Final = "dollars_of_a_run"
UNKNOWN_DOLLARS: Final = (
    "the cost of runs is unknown; give `workcell.rates` or a toolchain that reports its cost"
)
FEWEST_ISSUES: Final = 10
"""Issues in which the actions of a policy must have run."""
_UNKNOWN: Final = (
    "no run of this bench has a known amount: give `workcell.rates`, or a toolchain that reports its cost"
)


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
    known = values[np.isfinite(values)]
    if not len(known):
        return {name: _refused(estimand, _UNKNOWN, reference not in (None, name)) for name in policies}
    if (known == 0).all():
        return {name: _free(estimand, reference not in (None, name)) for name in policies}
    outcome = Outcome(estimand, values, 0.0, np.inf)
    try:
        fitted, effect = amounts_model(table, features, outcome, group_by)
    except UnsupportedError as error:
        return {name: _refused(estimand, str(error), reference not in (None, name)) for name in policies}
    inverse = observation_weights(table, features, outcome)
    estimator = DOUBLY_ROBUST if effect is None else ADJUSTED_DR

    def subject_of(policy: Floats) -> _Subject:
        log = bench_log(table, policy, values, inverse, fitted, effect)
        return _subject(table, policy, estimator, log)

    subjects = {name: subject_of(policy) for name, policy in policies.items()}
    always = (subject_of(fixed_policy(len(table.cases), cell)) for cell in np.unique(table.arm_cell).tolist())
    fixed = [subject for subject in always if subject.why_not is None]
    how = f"cross-fitted by {group_by}, 95 % bootstrap-t over {len(table.issues)} issues"
    return _Spends(subjects, fixed, estimand, f"{estimator.name}, {how}").values(reference)


class _Subject(NamedTuple):
    """One policy: its estimate as sums by issue, the number of issues in which its actions ran, or a refusal."""

    sums: Terms
    issues: int
    why_not: str | None


class _Spends:
    """Intervals of the policies, with the resamples of all fixed actions of the table."""

    def __init__(
        self, subjects: Mapping[str, _Subject], fixed: list[_Subject], estimand: str, method: str
    ) -> None:
        self._subjects, self._fixed = subjects, fixed
        self._estimand, self._method = estimand, method

    def values(self, reference: str | None) -> dict[str, SpendValue]:
        """The value of each policy, with its difference from `reference`."""
        usable = {name: subject for name, subject in self._subjects.items() if subject.why_not is None}
        kept = [*self._fixed, *usable.values()]
        limits: dict[str, Interval] = {}
        if kept:
            resamples = resampled_together([of.sums for of in kept], [of.issues for of in kept])
            limits = {name: interval_above_zero(of.sums, of.issues, resamples) for name, of in usable.items()}
        return {
            name: SpendValue(
                self._published(name, limits),
                None if reference in (None, name) else self._minus(name, str(reference), limits),
            )
            for name in self._subjects
        }

    def _published(self, name: str, limits: Mapping[str, Interval]) -> Estimate:
        subject = self._subjects[name]
        if subject.why_not is not None:
            return refused(self._estimand, self._method, subject.why_not)
        return Estimate(self._estimand, value(subject.sums), *limits[name], self._method)

    def _minus(self, name: str, other: str, limits: Mapping[str, Interval]) -> Estimate:
        method = f"difference of {self._method}, paired"
        pair = self._subjects[name], self._subjects[other]
        if why := pair[0].why_not or pair[1].why_not:
            return refused(self._estimand, method, why)
        span = interval_of_difference(pair[0].sums, pair[1].sums, (limits[name], limits[other]))
        return Estimate(self._estimand, value(minus(pair[0].sums, pair[1].sums)), *span, method)


def _subject(table: BenchTable, policy: Floats, estimator: Estimator, log: Log) -> _Subject:
    issues = len(np.unique(table.case_issue[log.arm_case[log.weight > 0]]))
    return _Subject(terms(estimator, log), issues, _why_not(table, policy, issues))


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


def _free(estimand: str, compared: bool) -> SpendValue:
    free = Estimate(estimand, 0.0, 0.0, 0.0, "every run cost nothing")
    return SpendValue(free, free if compared else None)


def _refused(estimand: str, why: str, compared: bool) -> SpendValue:
    refusal = refused(estimand, DOUBLY_ROBUST.name, why)
    return SpendValue(refusal, refusal if compared else None)
