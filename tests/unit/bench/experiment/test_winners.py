"""The winner is a total order, independent of input order; arms with the same pass rate and objective tie with it."""

import itertools
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.experiment.estimates import ArmEstimate, ArmOutcome, ReplicateOutcome, estimate_arm
from bench.experiment.regret import best_fixed, regret
from bench.experiment.winners import OBJECTIVES, TIE_BREAKS, WinnerRule, ranking_key, select_winner
from planner.actions import Action, canonical_rank, valid_actions
from planner.documents.statuses import OutcomeStatus

CODE = valid_actions("code")
A, B, C = CODE[0], CODE[7], CODE[20]

statuses: st.SearchStrategy[OutcomeStatus] = st.sampled_from(
    ["success", "success", "failed", "timeout", "error"]
)


def _with_wait(work_ms: int, wait_ms: int, **facts: Any) -> ReplicateOutcome:
    return ReplicateOutcome(duration_ms=work_ms + wait_ms, provider_wait_ms=wait_ms, **facts)


replicates = st.builds(
    _with_wait,
    work_ms=st.integers(0, 6),
    wait_ms=st.integers(0, 3),
    status=statuses,
    micro_usd=st.none() | st.integers(0, 3),
    fail_codes=st.integers(0, 2),
    gate_score=st.none() | st.sampled_from([0.0, 0.5, 1.0]),
)
rules = st.builds(
    WinnerRule, objective=st.sampled_from(OBJECTIVES), tie_break=st.permutations(TIE_BREAKS).map(tuple)
)


@st.composite
def cases(draw: st.DrawFn) -> list[ArmOutcome]:
    actions = draw(st.lists(st.sampled_from(CODE), unique=True, max_size=6))
    return [ArmOutcome(a, tuple(draw(st.lists(replicates, max_size=4)))) for a in actions]


def ran(action: Action, *outcomes: ReplicateOutcome) -> ArmOutcome:
    return ArmOutcome(action, outcomes)


def ok(ms: int, usd: int | None = 0, codes: int = 0, score: float | None = None) -> ReplicateOutcome:
    return ReplicateOutcome("success", ms, usd, codes, score)


FAILED = ReplicateOutcome("failed", 5, 0, 2)
ERROR = ReplicateOutcome("error", 5, None)


@given(cases(), rules, st.randoms(use_true_random=False))
def test_no_order_of_arms_or_replicates_changes_the_verdict(
    arms: list[ArmOutcome], rule: WinnerRule, lot: random.Random
) -> None:
    shuffled = [ArmOutcome(a.action, tuple(lot.sample(a.replicates, len(a.replicates)))) for a in arms]
    lot.shuffle(shuffled)
    assert select_winner(shuffled, rule) == select_winner(arms, rule)


@given(cases(), rules)
def test_the_ranking_is_a_strict_total_order_of_the_passing_arms(
    arms: list[ArmOutcome], rule: WinnerRule
) -> None:
    passing = [estimate for estimate in map(estimate_arm, arms) if estimate.passes]
    keys = [ranking_key(rule)(estimate) for estimate in passing]
    assert len(set(keys)) == len(keys)
    for first, second in itertools.combinations(keys, 2):
        assert (first < second) != (second < first)


@given(cases(), rules)
def test_the_winner_passes_and_no_passing_arm_is_better_on_rate_or_objective(
    arms: list[ArmOutcome], rule: WinnerRule
) -> None:
    verdict = select_winner(arms, rule)
    passing = [estimate for estimate in verdict.estimates if estimate.passes]
    assert (verdict.winner is None) == (not passing)
    if verdict.winner is None:
        assert verdict.tie_size == 0
        assert verdict.tied == ()
        return
    best = next(estimate for estimate in passing if estimate.action == verdict.winner)
    assert best.pass_millionths == max(estimate.pass_millionths for estimate in passing)
    level = [estimate for estimate in passing if estimate.pass_millionths == best.pass_millionths]
    if rule.objective == "minimize_duration":
        assert best.work_ms == min(e.work_ms for e in level if e.work_ms is not None)
        assert verdict.tie_size == sum(e.work_ms == best.work_ms for e in level)
    if rule.objective == "minimize_cost" and best.micro_usd is None:
        assert all(e.micro_usd is None for e in level)


@given(cases(), rules)
def test_the_winner_ties_with_passing_arms_of_its_rate(arms: list[ArmOutcome], rule: WinnerRule) -> None:
    verdict = select_winner(arms, rule)
    if verdict.winner is None:
        return
    rates = {estimate.action: estimate.pass_millionths for estimate in verdict.estimates if estimate.passes}
    assert verdict.winner in verdict.tied
    assert {rates[action] for action in verdict.tied} == {max(rates.values())}
    assert list(verdict.tied) == sorted(set(verdict.tied), key=canonical_rank)


@given(cases(), rules)
def test_errors_are_missing_not_failures(arms: list[ArmOutcome], rule: WinnerRule) -> None:
    with_errors = [ArmOutcome(a.action, (*a.replicates, ERROR, ERROR)) for a in arms]
    assert select_winner(with_errors, rule) == select_winner(arms, rule)


def test_a_wait_for_a_provider_is_not_the_arms() -> None:
    slow_provider = ReplicateOutcome("success", 100, 1, provider_wait_ms=60)
    slow_arm = ReplicateOutcome("success", 50, 1)
    verdict = select_winner([ran(A, slow_arm), ran(B, slow_provider)], WinnerRule())
    assert (verdict.winner, verdict.winner_value) == (B, 40.0)
    assert regret(A, verdict).duration_regret == 0.25
    assert best_fixed([verdict]) == B


def test_one_replicate_the_fastest_passing_arm_wins_alone() -> None:
    verdict = select_winner([ran(A, ok(30)), ran(B, ok(20)), ran(C, FAILED)], WinnerRule())
    assert (verdict.winner, verdict.winner_value, verdict.tie_size) == (B, 20.0, 1)
    assert verdict.tied == (B,)
    assert (verdict.candidates_evaluated, verdict.candidates_passed_constraints) == (3, 2)


def test_equal_values_tie_and_the_chain_decides_the_winner() -> None:
    few, many = Action("speculate_vote", 2, 120, "NA"), Action("speculate_vote", 3, 15, "NA")
    arms = [ran(many, ok(20)), ran(few, ok(20))]
    by_candidates = select_winner(arms, WinnerRule(tie_break=("lower_max_candidates", "lower_max_minutes")))
    by_minutes = select_winner(arms, WinnerRule(tie_break=("lower_max_minutes", "lower_max_candidates")))
    assert (by_candidates.winner, by_minutes.winner) == (few, many)
    assert by_candidates.tie_size == 2
    assert by_candidates.tied == (few, many)


def test_na_budgets_lose_a_tie_break_against_numbers() -> None:
    arms = [
        ran(Action("serial_handoff", 1, "NA", "NA"), ok(9)),
        ran(Action("speculate_vote", 1, 120, "NA"), ok(9)),
    ]
    assert select_winner(arms, WinnerRule(tie_break=("lower_max_minutes",))).winner == arms[1].action


def test_an_unknown_cost_is_last_and_never_zero() -> None:
    arms = [ran(A, ok(1, usd=None)), ran(B, ok(9, usd=800))]
    verdict = select_winner(arms, WinnerRule("minimize_cost"))
    assert (verdict.winner, verdict.winner_value) == (B, 800.0)
    assert select_winner(arms[:1], WinnerRule("minimize_cost")).winner_value is None


def test_quality_is_fewest_fail_codes_then_the_higher_score() -> None:
    arms = [ran(A, ok(1, codes=1, score=1.0)), ran(B, ok(9, score=0.5)), ran(C, ok(9, score=0.9))]
    assert select_winner(arms, WinnerRule("maximize_quality")).winner == C


def test_pass_rate_comes_before_the_objective() -> None:
    arms = [ran(A, ok(1), ok(1), FAILED), ran(B, ok(50), ok(50), ok(50))]
    assert select_winner(arms, WinnerRule()).winner == B


def test_half_of_the_replicates_is_not_a_pass() -> None:
    assert select_winner([ran(A, ok(1), FAILED)], WinnerRule()).winner is None
    assert select_winner([ran(A, ok(1), FAILED, ERROR, ok(2))], WinnerRule()).winner == A


def test_only_errors_leave_a_case_without_evidence() -> None:
    verdict = select_winner([ran(A, ERROR)], WinnerRule())
    assert (verdict.winner, verdict.candidates_evaluated) == (None, 0)


def test_the_same_action_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="two arms of one case"):
        select_winner([ran(A, ok(1)), ran(A, ok(2))], WinnerRule())


def test_means_round_half_up_to_whole_units() -> None:
    estimate = estimate_arm(ran(A, ok(1, usd=0), ok(2, usd=1)))
    assert (estimate.duration_ms, estimate.micro_usd) == (2, 1)
    assert estimate_arm(ran(A, ok(1, usd=None), ok(2, usd=1))).micro_usd is None
    assert isinstance(estimate, ArmEstimate)
