"""How far a policy stays behind the best arm of a case.

On a case, for the one action that a policy takes:
- *unobserved*: the action is no arm of the case, or none of its replicates was scored. Left to off-policy
  estimates.
- The oracle is the winner of the case. No winner: nothing passed, and the regret is 0.
- The oracle passes and the arm does not: a *missed pass*, counted as a rate and never averaged with the rest.
- Both pass: duration regret = (mean duration − the winner's) / the winner's; cost regret likewise, None where
  either cost is unknown. Against a winner's value of 0 it is 0 for an equal value and None otherwise. It is
  below 0 where the arm was quicker (or cheaper) and the winner better in what the bench ranks first.
- *Spend* is what an execution of the arm was charged on average, passed or not.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bench.experiment.estimates import MILLION, rounded_ratio
from bench.experiment.winners import CaseVerdict
from planner.actions import Action, canonical_rank


class PolicyRegret(NamedTuple):
    """A policy on one case; see the module."""

    observed: bool
    missed_pass: float
    """1 for a missed pass, 0 for none; of the uniform policy the share of arms."""
    duration_regret: float | None
    cost_regret: float | None
    charged_micro_usd: int | None


UNOBSERVED = PolicyRegret(False, 0.0, None, None, None)


class PolicySummary(NamedTuple):
    """A policy over a bench. Means are over the cases that have a value, None where none has."""

    policy: str
    cases: int
    unobserved_share: float
    missed_pass_rate: float | None
    """Mean over observed cases."""
    mean_duration_regret: float | None
    mean_cost_regret: float | None
    mean_charged_micro_usd: int | None
    """Spend of an execution, over observed cases, rounded half up."""


def regret(action: Action | None, verdict: CaseVerdict) -> PolicyRegret:
    """The regret of taking `action` on a case; None stands for a policy without an answer."""
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
        _relative(estimate.duration_ms, oracle.duration_ms),
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
    """The regret of taking one of the case's observed arms at random, each as likely: the mean over them,
    with finite regrets averaged over the arms that have one.
    """
    each = [regret(estimate.action, verdict) for estimate in verdict.estimates if estimate.observed]
    if not each:
        return UNOBSERVED
    return PolicyRegret(
        True,
        math.fsum(one.missed_pass for one in each) / len(each),
        _mean(one.duration_regret for one in each),
        _mean(one.cost_regret for one in each),
        _spend(each),
    )


class FixedAction(NamedTuple):
    """One action over all cases of a bench."""

    action: Action
    observed_cases: int
    passed_cases: int
    duration_ms: int | None
    """Mean over the passed cases of the arm's mean duration, rounded half up."""


def fixed_actions(verdicts: Iterable[CaseVerdict]) -> list[FixedAction]:
    """Every action observed in a bench, best first.

    Ranked by (passed + 1) / (observed + 2) in millionths, so that one lucky case does not beat a steady
    record; then by the mean duration of the passed cases, none last; then in canonical order.
    """
    seen: dict[Action, list[int | None]] = {}
    for verdict in verdicts:
        for estimate in verdict.estimates:
            if estimate.observed:
                seen.setdefault(estimate.action, []).append(estimate.duration_ms if estimate.passes else None)
    found = [_fixed(action, durations) for action, durations in seen.items()]
    return sorted(found, key=_fixed_key)


def best_fixed(verdicts: Iterable[CaseVerdict]) -> Action | None:
    """The action that did best over the bench; None where nothing was observed."""
    ranked = fixed_actions(verdicts)
    return ranked[0].action if ranked else None


def _fixed(action: Action, durations: Sequence[int | None]) -> FixedAction:
    passed = [duration for duration in durations if duration is not None]
    mean = rounded_ratio(sum(passed), len(passed)) if passed else None
    return FixedAction(action, len(durations), len(passed), mean)


def _fixed_key(fixed: FixedAction) -> tuple[int, float, int]:
    steady = rounded_ratio(MILLION * (fixed.passed_cases + 1), fixed.observed_cases + 2)
    duration = math.inf if fixed.duration_ms is None else fixed.duration_ms
    return (-steady, duration, canonical_rank(fixed.action))


def summarise(policy: str, regrets: Sequence[PolicyRegret]) -> PolicySummary:
    """One line of a regret report; `regrets` holds one entry a case."""
    observed = [one for one in regrets if one.observed]
    return PolicySummary(
        policy=policy,
        cases=len(regrets),
        unobserved_share=1 - len(observed) / len(regrets) if regrets else 0.0,
        missed_pass_rate=_mean(one.missed_pass for one in observed),
        mean_duration_regret=_mean(one.duration_regret for one in observed),
        mean_cost_regret=_mean(one.cost_regret for one in observed),
        mean_charged_micro_usd=_spend(observed),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def _spend(regrets: Sequence[PolicyRegret]) -> int | None:
    known = [one.charged_micro_usd for one in regrets if one.charged_micro_usd is not None]
    return rounded_ratio(sum(known), len(known)) if known else None
