"""Oracle value and regret of policies: a bracket from two biased estimates, and a point estimate where identified.

The oracle takes, in every case, the arm whose true value is highest among the arms that ran. The mean of the
highest observed means is biased upwards (the winner's curse), a cross-fitted choice downwards; in expectation the
oracle's value lies between them. The point estimate is the posterior mean of the best value and needs replicates:
with one run in every arm noise and differences between actions are confounded, and only the bracket is identified.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import numpy as np

from bench.statistics.arms import Arms, arms_of
from bench.statistics.diagnostics import MOST_UNSUPPORTED
from bench.statistics.errors import UnsupportedError
from bench.statistics.estimate import Estimate, refused
from bench.statistics.estimators import HAJEK, Terms, minus, terms
from bench.statistics.logs import bench_log, check_policy
from bench.statistics.oracle_lower_bound import DEALS, cross_fitted_best
from bench.statistics.outcomes import Outcome, pass_own_budget
from bench.statistics.posterior import best_of_case, posterior_or_why_not
from bench.statistics.publish import published
from bench.statistics.table import BenchTable, Floats

PLUG_IN: Final = "highest observed mean, biased up"
CROSS_FITTED: Final = f"chosen and scored on different runs, {DEALS} deals, biased down"
EMPIRICAL_BAYES: Final = "empirical Bayes, posterior mean of the best arm"

ONE_ARM: Final = "one arm an issue: nothing to regret; submit with --k 2 or more"


class Bracket(NamedTuple):
    """Lower and upper estimates that bracket the estimand: `lower.value` ≤ estimand ≤ `upper.value` in expectation;
    [`lower.low`, `upper.high`] includes the sampling error."""

    lower: Estimate
    upper: Estimate
    point: Estimate
    """Between the two; refused where it is not identified."""

    @property
    def identified(self) -> bool:
        """Whether the point is identified."""
        return self.point.value is not None


class PolicyRegretBracket(NamedTuple):
    """Regret of one policy: the oracle's value − the policy's."""

    policy: str
    value: Estimate
    regret: Bracket


class OracleBracket(NamedTuple):
    """The oracle's value, and the regret of each policy on the same issues."""

    cases: int
    """Cases with at least one observed arm; the others are left out everywhere."""
    oracle: Bracket
    advantage: Bracket
    """The oracle − the mean arm: the value of selection."""
    policies: tuple[PolicyRegretBracket, ...]


def oracle_bracket(
    table: BenchTable, policies: Mapping[str, Floats], *, seed: int, outcome: Outcome | None = None
) -> OracleBracket:
    """Brackets of the oracle's value and of the regret of `policies`, each (N, 240) probabilities of cells.

    A policy's value is the Hájek estimate over the arms that ran, resampled jointly with the oracle over issues.
    A policy with probability on actions that could not be drawn gets refusals. `outcome` is `pass_own_budget`
    where None.

    Raises: `UnsupportedError` with outcomes in fewer than two issues or of one arm a case, `BenchError` for a policy
    of another shape.
    """
    outcome = outcome or pass_own_budget(table)
    arms = arms_of(table, outcome.values)
    if arms.n_issues < 2:
        raise UnsupportedError("outcomes were observed in fewer than two issues; bench more of them")
    if len(arms.row) == arms.n_cases:
        raise UnsupportedError(ONE_ARM)
    for name, policy in policies.items():
        check_policy(name, policy, table)
    ends = _Ends(table, arms, outcome, seed)
    against = tuple(_against(name, policy, table, ends) for name, policy in policies.items())
    return OracleBracket(arms.n_cases, ends.oracle(), ends.advantage(), against)


class _Ends:
    """Per-issue sums of the oracle's lower bound, upper bound and point estimate."""

    def __init__(self, table: BenchTable, arms: Arms, outcome: Outcome, seed: int) -> None:
        self.outcome, self.seed = outcome, seed
        first = table.arm_case[arms.row[np.flatnonzero(np.diff(arms.case, prepend=-1))]]
        self._issue = table.case_issue[first]
        self._issues = len(table.issues)
        self._lower = self._terms(cross_fitted_best(table, arms, outcome.values, seed=seed))
        self._upper = self._terms(best_of_case(arms.mean[None, :], arms.case)[0])
        mean_arm = np.bincount(arms.case, weights=arms.mean) / np.bincount(arms.case)
        self._mean_arm = self._terms(mean_arm)
        self._point: Terms | None = None
        self._why_no_point = ""
        self._fit_error = 0.0
        beliefs = posterior_or_why_not(arms, seed=seed)
        if isinstance(beliefs, str):
            self._why_no_point = beliefs
        else:
            self._point = self._terms(beliefs.best_value.mean(axis=0))
            self._fit_error = float(beliefs.best_value.mean(axis=1).std())

    def oracle(self) -> Bracket:
        """The oracle's value."""
        return self._bracket(self.outcome.estimand, lambda of: of, self.outcome.low, self.outcome.high)

    def advantage(self) -> Bracket:
        """The oracle's value − that of an arm taken at random."""
        return self.regret(f"advantage in {self.outcome.estimand}", self._mean_arm)

    def regret(self, estimand: str, policy: Terms) -> Bracket:
        """The oracle's value − the policy's."""
        width = self.outcome.high - self.outcome.low
        return self._bracket(estimand, lambda of: minus(of, policy), -width, width)

    def _bracket(self, estimand: str, less: Callable[[Terms], Terms], low: float, high: float) -> Bracket:
        point = refused(estimand, EMPIRICAL_BAYES, self._why_no_point)
        if self._point is not None:
            point = self._widened(
                published(estimand, less(self._point), self.seed, EMPIRICAL_BAYES, low, high)
            )
        return Bracket(
            published(estimand, less(self._lower), self.seed, CROSS_FITTED, low, high),
            published(estimand, less(self._upper), self.seed, PLUG_IN, low, high),
            point,
        )

    def _widened(self, point: Estimate) -> Estimate:
        """The estimate with the uncertainty of the fit added to its sampling error, as independent of it."""
        value, low, high = np.array(point[1:4], dtype=np.float64)
        below = float(np.hypot(value - low, 1.96 * self._fit_error))
        above = float(np.hypot(high - value, 1.96 * self._fit_error))
        return point._replace(low=float(value - below), high=float(value + above))

    def _terms(self, by_case: Floats) -> Terms:
        """Sums and counts by issue of the cases with an observed arm."""
        count = np.bincount(self._issue, minlength=self._issues).astype(np.float64)
        total: Floats = np.bincount(self._issue, weights=by_case, minlength=self._issues).astype(np.float64)
        return Terms(total[None, :], count[None, :])


def _against(name: str, policy: Floats, table: BenchTable, ends: _Ends) -> PolicyRegretBracket:
    outcome = ends.outcome
    regret = f"regret in {outcome.estimand}"
    unsupported = float(np.where(table.chances > 0, 0.0, policy).sum(axis=1).mean())
    sums = terms(HAJEK, bench_log(table, policy, outcome.values))
    why = None
    if unsupported > MOST_UNSUPPORTED:
        why = f"{unsupported:.1%} of the policy's choices could never have run in this bench"
    elif sums.bottom.sum() == 0:
        why = "no action that the policy takes was observed; bench more arms"
    if why:
        nothing = refused(regret, HAJEK.name, why)
        return PolicyRegretBracket(name, nothing._replace(estimand=outcome.estimand), Bracket(*[nothing] * 3))
    worth = published(outcome.estimand, sums, ends.seed, HAJEK.name, outcome.low, outcome.high)
    return PolicyRegretBracket(name, worth, ends.regret(regret, sums))
