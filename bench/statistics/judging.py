"""Off-policy estimates of one policy on one bench: those that the diagnostics support, and refusals for the others."""

from collections.abc import Callable
from functools import cached_property
from typing import Final

import numpy as np

from bench.statistics.case_effects import case_effects
from bench.statistics.cross_fit import GroupBy, cross_fitted, folds
from bench.statistics.diagnostics import counts_chance, diagnose
from bench.statistics.errors import UnsupportedError
from bench.statistics.estimate import Estimate, refused
from bench.statistics.estimators import (
    ADJUSTED_DR,
    DIRECT,
    DOUBLY_ROBUST,
    HAJEK,
    HORVITZ_THOMPSON,
    NORMALISED_DR,
    Estimator,
    Log,
    Terms,
    biased,
    minus,
    switch,
    terms,
    value,
)
from bench.statistics.intervals import Interval, finite_sample, linearised, standard_error
from bench.statistics.issue_effect import IssueEffect, issue_effect, known_swaps
from bench.statistics.logs import bench_log, observed_shares
from bench.statistics.missing import imputed, missing_report, observation_weights
from bench.statistics.outcomes import Outcome
from bench.statistics.table import BenchTable, Floats
from bench.statistics.these_issues import half_width, lotteries, run_noise

SWITCH_AT: Final = 10.0
ESTIMATORS: Final = (HORVITZ_THOMPSON, HAJEK, DIRECT, DOUBLY_ROBUST, NORMALISED_DR, switch(SWITCH_AT))
RECOMMENDED: Final = DOUBLY_ROBUST
"""The recommended estimator of a table without the conditional probabilities that the issue adjustment needs."""

LINEARISED: Final = "95 % t"
_MODEL_BIAS: Final = "no interval, since the bias of its outcome model is unknown"
_AS_THEY_RAN: Final = "the lottery of arms, with each run as it came out once"
_AGREE: Final = "all issues agree, so their variance cannot be estimated: read the finite-sample bracket"


class Judge:
    """Nuisance models shared by all policies: the outcome model and the censoring weights of a table."""

    def __init__(
        self,
        table: BenchTable,
        features: Floats,
        outcome: Outcome,
        group_by: GroupBy,
        borrowed_noise: float | None = None,
    ) -> None:
        self.table = table
        self.outcome = outcome
        self.inverse = observation_weights(table, features, outcome)
        self.share = observed_shares(table, outcome.values, self.inverse)
        self.missing = missing_report(table, outcome, self.inverse)
        self.counts_chance = counts_chance(table)
        self.group_by = group_by
        self._features = features
        self._borrowed_noise = borrowed_noise
        adjusts = known_swaps(table)
        self.recommended = ADJUSTED_DR if adjusts else RECOMMENDED
        self.estimators = (*ESTIMATORS, ADJUSTED_DR) if adjusts else ESTIMATORS

    @cached_property
    def fitted(self) -> Floats | str:
        """(N, 240) cross-fitted predictions of the outcome model, or why there are none."""
        try:
            return cross_fitted(self.table, self._features, self.outcome, self.group_by)
        except UnsupportedError as error:
            return str(error)

    @cached_property
    def effect(self) -> IssueEffect | None:
        """The issue adjustment of `fitted`; None where no conditional probabilities are stored."""
        table, fitted = self.table, self.fitted
        if isinstance(fitted, str) or self.recommended != ADJUSTED_DR:
            return None
        residuals = table.arm_means(self.outcome.values) - fitted[table.arm_case, table.arm_cell]
        effects = case_effects(table, residuals, folds(table, self._features, self.group_by))
        return issue_effect(table, fitted, effects, self._correction)

    def _correction(self, predicted: Floats, shift: Floats) -> Floats:
        bounded: Floats = np.clip(predicted + shift, self.outcome.low, self.outcome.high) - predicted
        return bounded

    @cached_property
    def noise(self) -> Floats | None:
        """(A,) variance of the arms' means over their runs; None where single runs do not identify it."""
        if isinstance(self.fitted, str):
            return None
        fitted = self.fitted[self.table.arm_case, self.table.arm_cell]
        low, high = self.outcome.low, self.outcome.high
        return run_noise(self.table, self.outcome.values, fitted, low, high, self._borrowed_noise)


class Judged:
    """Off-policy estimates of one policy, (N, 240)."""

    def __init__(self, judge: Judge, policy: Floats) -> None:
        self._judge = judge
        self._policy = policy
        table, outcome = judge.table, judge.outcome
        self._estimand = outcome.estimand
        self._worst = bench_log(table, policy, imputed(outcome, outcome.low))
        self._best = bench_log(table, policy, imputed(outcome, outcome.high))
        self._design = diagnose(table, policy, self._worst, judge.counts_chance)
        weighted = bench_log(table, policy, outcome.values, judge.inverse)
        self.diagnostics = diagnose(table, policy, weighted, judge.counts_chance)

    @cached_property
    def log(self) -> Log | str:
        """The weighted data of the estimators, or the diagnostics that failed."""
        judge = self._judge
        failures = [*self.diagnostics.wrong, *self.diagnostics.thin]
        if judge.missing.why_not_weighted:
            failures.append(judge.missing.why_not_weighted)
        if failures:
            return "; ".join(failures)
        if isinstance(judge.fitted, str):
            return judge.fitted
        return bench_log(
            judge.table, self._policy, judge.outcome.values, judge.inverse, judge.fitted, judge.effect
        )

    def estimates(self, kind: str, interval: Callable[[Terms], Interval]) -> dict[str, Estimate]:
        """Estimates by estimator, with `interval`s named `kind`; none where the outcome model may bias them."""
        estimates = {}
        for estimator in self._judge.estimators:
            method = f"{estimator.name}, {self._how(kind, estimator)}"
            if isinstance(self.log, str):
                estimates[estimator.name] = refused(self._estimand, method, self.log)
            elif biased(estimator, self.log):
                method = f"{estimator.name}, cross-fitted by {self._judge.group_by}: {_MODEL_BIAS}"
                of = value(terms(estimator, self.log))
                estimates[estimator.name] = Estimate(self._estimand, of, None, None, method)
            else:
                estimates[estimator.name] = self._published(terms(estimator, self.log), interval, method)
        return estimates

    def minus(
        self, other: "Judged", kind: str = LINEARISED, interval: Callable[[Terms], Interval] = linearised
    ) -> Estimate:
        """Paired difference of the recommended estimates of this policy and the other, by issue."""
        method = f"difference of {self._judge.recommended.name}, paired, {self._how(kind)}"
        for log in (self.log, other.log):
            if isinstance(log, str):
                return refused(self._estimand, method, log)
        if np.array_equal(self._policy, other._policy):
            return Estimate(self._estimand, 0.0, 0.0, 0.0, f"{method}: the same choices")
        return self._published(minus(self._sums(), other._sums()), interval, method)

    def these_issues(self) -> Estimate:
        """The recommended estimate with its interval for exactly these issues."""
        method = f"{self._judge.recommended.name}, {self._here()}"
        if isinstance(self.log, str):
            return refused(self._estimand, method, self.log)
        return self._at(value(self._sums()), self.log, self.log.weight, method)

    def minus_here(self, other: "Judged") -> Estimate:
        """Paired difference of this policy and the other for exactly these issues."""
        method = f"difference of {self._judge.recommended.name}, paired, {self._here()}"
        if isinstance(self.log, str):
            return refused(self._estimand, method, self.log)
        if isinstance(other.log, str):
            return refused(self._estimand, method, other.log)
        if np.array_equal(self._policy, other._policy):
            return Estimate(self._estimand, 0.0, 0.0, 0.0, f"{method}: the same choices")
        point = value(minus(self._sums(), other._sums()))
        return self._at(point, self.log, self.log.weight - other.log.weight, method)

    def bounds(self) -> Estimate:
        """Manski bounds of the Hájek estimate, with its sampling error."""
        issues, share = len(self._judge.table.issues), self._judge.missing.share
        method = f"Manski bounds with {share:.1%} missing, Hájek, {LINEARISED} over {issues} issues"
        if failures := (*self._design.wrong, *self._design.thin):
            return refused(self._estimand, method, "; ".join(failures))
        worst, best = terms(HAJEK, self._worst), terms(HAJEK, self._best)
        return self._bracket(linearised(worst).low, linearised(best).high, method)

    def finite_sample(self) -> Estimate:
        """Finite-sample bracket by Horvitz–Thompson, with missing executions at their worst and best."""
        method = "HT, empirical Bernstein 95 % with the a-priori largest weight"
        if self._design.wrong:
            return refused(self._estimand, method, "; ".join(self._design.wrong))
        low, high = self._judge.outcome.low, self._judge.outcome.high
        width = high - low
        brackets = [
            finite_sample(self._per_issue(log._replace(outcome=(log.outcome - low) / width)), self._largest())
            for log in (self._worst, self._best)
        ]
        return self._bracket(low + width * brackets[0].low, low + width * brackets[1].high, method)

    def complete_case(self) -> Estimate:
        """Complete-case Hájek estimate; refused where more than a negligible share is missing."""
        method = f"Hájek, complete cases, {LINEARISED} over {len(self._judge.table.issues)} issues"
        if isinstance(self.log, str):
            return refused(self._estimand, method, self.log)
        if why := self._judge.missing.why_not_ignored:
            return refused(self._estimand, method, why)
        log = bench_log(self._judge.table, self._policy, self._judge.outcome.values)
        return self._published(terms(HAJEK, log), linearised, method)

    def _at(self, point: float, log: Log, weight: Floats, method: str) -> Estimate:
        judge = self._judge
        half = half_width(judge.table, lotteries(judge.table, log, weight, judge.share, judge.noise))
        if isinstance(half, str):
            return refused(self._estimand, method, half)
        if not np.isfinite(half):
            return refused(self._estimand, method, _AGREE)
        return Estimate(self._estimand, point, point - half, point + half, method)

    def _here(self) -> str:
        """How intervals for exactly these issues are made."""
        over = "the lottery of arms and the runs" if self._judge.noise is not None else _AS_THEY_RAN
        issues = len(self._judge.table.issues)
        return ", ".join([*self._parts(), f"{LINEARISED} over {over}, for exactly these {issues} issues"])

    def _sums(self) -> Terms:
        assert isinstance(self.log, Log)
        return terms(self._judge.recommended, self.log)

    def _how(self, kind: str, estimator: Estimator | None = None) -> str:
        return ", ".join([*self._parts(estimator), f"{kind} over {len(self._judge.table.issues)} issues"])

    def _parts(self, estimator: Estimator | None = None) -> list[str]:
        direct = estimator is None or estimator.direct
        parts = [f"cross-fitted by {self._judge.group_by}"] if direct else []
        return [*parts, "IPCW"] if self._judge.missing.share else parts

    def _published(self, of: Terms, interval: Callable[[Terms], Interval], method: str) -> Estimate:
        limits = interval(of) if standard_error(of) > 0 else Interval(np.nan, np.nan)
        if not np.isfinite(limits).all():
            return refused(self._estimand, method, _AGREE)
        return Estimate(self._estimand, value(of), limits.low, limits.high, method)

    def _bracket(self, low: float, high: float, method: str) -> Estimate:
        least, most = self._judge.outcome.low, self._judge.outcome.high
        return Estimate(self._estimand, None, max(least, low), min(most, high), method)

    def _per_issue(self, log: Log) -> Floats:
        """(G,) per-issue terms whose mean is the Horvitz–Thompson estimate, for any numbers of cases."""
        of = terms(HORVITZ_THOMPSON, log)
        means: Floats = of.top[0] * (of.top.shape[1] / of.bottom.sum())
        return means

    def _largest(self) -> float:
        """The a-priori largest term of one issue, over all possible draws: Σ_a π_e ÷ π over its cases."""
        table = self._judge.table
        ratio = np.divide(
            self._policy, table.chances, where=table.chances > 0, out=np.zeros_like(self._policy)
        )
        by_issue = np.bincount(table.case_issue, weights=ratio.sum(axis=1))
        return float(by_issue.max() * len(table.issues) / len(table.cases))
