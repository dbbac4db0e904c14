"""Regret of a policy against the oracle, the best arm of a case.

On a case, for the action that a policy takes:
- *unobserved*: the action is no arm of the case, or none of its replicates was scored. Off-policy estimates
  cover it.
- The oracle is the winner of the case. No winner: nothing passed, and the regret is 0.
- The oracle passes and the arm does not: a *missed pass*, counted as a rate and never averaged with regrets.
- Both pass: duration regret = (mean duration − the winner's) / the winner's, both without waits for a provider;
  cost regret likewise, None where either cost is unknown. Against a winner's value of 0 it is 0 for an equal value and
  None otherwise. It is negative where the arm was quicker (or cheaper) and the winner better in the primary objective.
- *Spend* is what an execution of the arm was charged on average, passed or not.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bench.experiment.estimates import MILLION, rounded_ratio
from bench.experiment.winners import CaseVerdict
from planner.actions import Action, canonical_rank


class PolicyRegret(NamedTuple):
    """Regret of a policy on one case; see the module."""

    observed: bool
    missed_pass: float
    """1 for a missed pass, 0 for none; for the uniform policy, the share of arms."""
    duration_regret: float | None
    cost_regret: float | None
    charged_micro_usd: int | None


UNOBSERVED = PolicyRegret(False, 0.0, None, None, None)


class PolicySummary(NamedTuple):
    """Regret of a policy over a bench. Means are over the cases that have a value, None where none has."""

    policy: str
    cases: int
    unobserved_share: float
    missed_pass_rate: float | None
    """Mean over observed cases."""
    mean_duration_regret: float | None
    mean_cost_regret: float | None
    mean_charged_micro_usd: int | None
    """Mean spend of an execution, over observed cases, rounded half up."""

    @property
    def observed_cases(self) -> int:
        """Cases in which its action was tried: what its rates rest on."""
        return round(self.cases * (1 - self.unobserved_share))


def regret(action: Action | None, verdict: CaseVerdict) -> PolicyRegret:
    """The regret of taking `action` on a case; None: the policy has no answer."""
    estimate = verdict.estimate_of(action)
    if estimate is None:
        return UNOBSERVED
    oracle = verdict.estimate_of(verdict.winner)
    if oracle is None:
        return PolicyRegret(True, 0.0, 0.0, 0.0, estimate.charged_micro_usd)
    if not estimate.passes:
        return PolicyRegret(True, 1.0, None, None, estimate.charged_micro_usd)
    return PolicyRegret(
        True,
        0.0,
        _relative(estimate.work_ms, oracle.work_ms),
        _relative(estimate.micro_usd, oracle.micro_usd),
        estimate.charged_micro_usd,
    )


def _relative(value: int | None, best: int | None) -> float | None:
    if value is None or best is None:
        return None
    if best == 0:
        return 0.0 if value == 0 else None
    return (value - best) / best


def uniform_regret(verdict: CaseVerdict) -> PolicyRegret:
    """The regret of the uniform policy over the observed arms of a case: the mean over these arms.

    Duration and cost regrets are averaged over the arms that have them.
    """
    each = [regret(estimate.action, verdict) for estimate in verdict.estimates if estimate.observed]
    if not each:
        return UNOBSERVED
    return PolicyRegret(
        True,
        math.fsum(arm.missed_pass for arm in each) / len(each),
        _mean(arm.duration_regret for arm in each),
        _mean(arm.cost_regret for arm in each),
        _spend(each),
    )


class FixedAction(NamedTuple):
    """A constant policy: one action over all cases of a bench."""

    action: Action
    observed_cases: int
    passed_cases: int
    duration_ms: int | None
    """Mean over the passed cases of the arm's mean duration without waits for a provider, rounded half up."""


def fixed_actions(verdicts: Iterable[CaseVerdict]) -> list[FixedAction]:
    """Every action observed in a bench, best first.

    Ranked by the pass rate with Laplace smoothing, (passed + 1) / (observed + 2) in millionths, so that a single
    passed case does not rank above many; then by the mean duration of the passed cases, none last; then in canonical
    order.
    """
    seen: dict[Action, list[int | None]] = {}
    for verdict in verdicts:
        for estimate in verdict.estimates:
            if estimate.observed:
                seen.setdefault(estimate.action, []).append(estimate.work_ms if estimate.passes else None)
    return sorted((_fixed(action, durations) for action, durations in seen.items()), key=_fixed_key)


def best_fixed(verdicts: Iterable[CaseVerdict]) -> Action | None:
    """The best constant policy of a bench; None where nothing was observed."""
    ranked = fixed_actions(verdicts)
    return ranked[0].action if ranked else None


def _fixed(action: Action, durations: Sequence[int | None]) -> FixedAction:
    passed = [duration for duration in durations if duration is not None]
    mean = rounded_ratio(sum(passed), len(passed)) if passed else None
    return FixedAction(action, len(durations), len(passed), mean)


def _fixed_key(fixed: FixedAction) -> tuple[int, float, int]:
    smoothed = rounded_ratio(MILLION * (fixed.passed_cases + 1), fixed.observed_cases + 2)
    duration = math.inf if fixed.duration_ms is None else fixed.duration_ms
    return (-smoothed, duration, canonical_rank(fixed.action))


def summarise(policy: str, regrets: Sequence[PolicyRegret]) -> PolicySummary:
    """The mean regrets of a policy; `regrets` has one entry for each case."""
    observed = [case for case in regrets if case.observed]
    return PolicySummary(
        policy=policy,
        cases=len(regrets),
        unobserved_share=1 - len(observed) / len(regrets) if regrets else 0.0,
        missed_pass_rate=_mean(case.missed_pass for case in observed),
        mean_duration_regret=_mean(case.duration_regret for case in observed),
        mean_cost_regret=_mean(case.cost_regret for case in observed),
        mean_charged_micro_usd=_spend(observed),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def _spend(regrets: Sequence[PolicyRegret]) -> int | None:
    known = [case.charged_micro_usd for case in regrets if case.charged_micro_usd is not None]
    return rounded_ratio(sum(known), len(known)) if known else None
