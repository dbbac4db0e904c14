"""Winner selection of a case: best-arm identification by a total order, independent of the order of the arms.

Among the arms that pass (see `ArmEstimate`), the best is the one with

1. the higher pass rate (in millionths),
2. the better primary objective: lower mean duration, without waits for a provider; lower mean cost, unknown last; or,
   for quality, fewer fail codes on average, then the higher mean gate score, unknown last,
3. the configured tie-breaks, and in the end always the canonical order of actions.

`tie_size` counts the arms equal to the winner in 1 and 2, the winner included. No arm passes: no winner.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, get_args

from bench.experiment.estimates import MILLION, ArmEstimate, ArmOutcome, estimate_arm
from db.objectives import Objective, TieBreak
from planner.actions import NA, Action, Bin, canonical_rank

OBJECTIVES: Final[tuple[Objective, ...]] = get_args(Objective)
TIE_BREAKS: Final[tuple[TieBreak, ...]] = get_args(TieBreak)

Key = tuple[int | float, ...]


@dataclass(frozen=True, slots=True)
class WinnerRule:
    """The ranking criteria of a bench."""

    objective: Objective = "minimize_duration"
    tie_break: tuple[TieBreak, ...] = TIE_BREAKS


class CaseVerdict(NamedTuple):
    """The result of a finished case."""

    winner: Action | None
    objective: Objective
    winner_value: float | None
    """Mean duration without waits for a provider in milliseconds, cost in micro-dollars (None: unknown), or fail codes,
    of the winner."""
    tied: tuple[Action, ...]
    """The actions that share the best pass rate and objective, the winner's included, in canonical order."""
    estimates: tuple[ArmEstimate, ...]
    """Every arm of the case in canonical order, also those not observed."""

    @property
    def tie_size(self) -> int:
        """Arms that share the best pass rate and objective; 0 without a winner."""
        return len(self.tied)

    @property
    def candidates_evaluated(self) -> int:
        """Arms with at least one scored replicate."""
        return sum(estimate.observed for estimate in self.estimates)

    @property
    def candidates_passed_constraints(self) -> int:
        """Arms that pass."""
        return sum(estimate.passes for estimate in self.estimates)

    def estimate_of(self, action: Action | None) -> ArmEstimate | None:
        """The estimate of `action`, None where it is no observed arm of the case."""
        for estimate in self.estimates:
            if estimate.action == action and estimate.observed:
                return estimate
        return None


def select_winner(arms: Iterable[ArmOutcome], rule: WinnerRule) -> CaseVerdict:
    """The verdict on a case; raises `ValueError` where an action occurs in two arms."""
    ordered = sorted(arms, key=lambda arm: canonical_rank(arm.action))
    if len({arm.action for arm in ordered}) != len(ordered):
        raise ValueError("an action occurs in two arms of one case")
    estimates = tuple(estimate_arm(arm) for arm in ordered)
    passing = [estimate for estimate in estimates if estimate.passes]
    if not passing:
        return CaseVerdict(None, rule.objective, None, (), estimates)
    best = min(passing, key=ranking_key(rule))
    merit = _merit(best, rule.objective)
    tied = tuple(estimate.action for estimate in passing if _merit(estimate, rule.objective) == merit)
    return CaseVerdict(best.action, rule.objective, _value(best, rule.objective), tied, estimates)


def ranking_key(rule: WinnerRule) -> Callable[[ArmEstimate], Key]:
    """Sort key of passing arms, best first: total, because it ends in the canonical rank."""

    def key(estimate: ArmEstimate) -> Key:
        breaks = tuple(_TIE_BREAK_KEYS[name](estimate.action) for name in rule.tie_break)
        return (*_merit(estimate, rule.objective), *breaks, canonical_rank(estimate.action))

    return key


def objective_key(estimate: ArmEstimate, objective: Objective) -> Key:
    """The primary objective of a passing arm as a sort key, lower is better."""
    if objective == "minimize_duration":
        return (_last_if_none(estimate.work_ms),)
    if objective == "minimize_cost":
        return (_last_if_none(estimate.micro_usd),)
    score = estimate.score_millionths
    return (_last_if_none(estimate.fail_code_millionths), _last_if_none(None if score is None else -score))


def _merit(estimate: ArmEstimate, objective: Objective) -> Key:
    return (-estimate.pass_millionths, *objective_key(estimate, objective))


def _last_if_none(value: int | None) -> int | float:
    return float("inf") if value is None else value


def _na_last(value: Bin) -> int | float:
    return float("inf") if value == NA else value


_TIE_BREAK_KEYS: Final[dict[TieBreak, Callable[[Action], int | float]]] = {
    "lower_max_candidates": lambda action: _na_last(action.max_candidates_bin),
    "lower_max_minutes": lambda action: _na_last(action.max_minutes_bin),
    "action_tuple_lexicographic": canonical_rank,
}


def _value(estimate: ArmEstimate, objective: Objective) -> float | None:
    if objective == "maximize_quality":
        codes = estimate.fail_code_millionths
        return None if codes is None else codes / MILLION
    value = estimate.work_ms if objective == "minimize_duration" else estimate.micro_usd
    return None if value is None else float(value)
