"""Regret counts what it can, reports a missed pass as a rate, and leaves the unobserved alone."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.experiment.coverage import Pair, uncovered_pairs
from bench.experiment.estimates import ArmOutcome, ReplicateOutcome
from bench.experiment.regret import (
    UNOBSERVED,
    PolicyRegret,
    best_fixed,
    fixed_actions,
    regret,
    summarise,
    uniform_regret,
)
from bench.experiment.winners import CaseVerdict, WinnerRule, select_winner
from planner.actions import JOB_TYPES, Action, valid_actions

CODE = valid_actions("code")
A, B, C, D = CODE[0], CODE[5], CODE[12], CODE[29]


def case(rule: WinnerRule | None = None, **results: tuple[str, int, int | None]) -> CaseVerdict:
    actions = {"a": A, "b": B, "c": C, "d": D}
    arms = [
        ArmOutcome(actions[name], (ReplicateOutcome(status, ms, usd, charged_micro_usd=usd or 0),))  # type: ignore[arg-type]
        for name, (status, ms, usd) in results.items()
    ]
    return select_winner(arms, rule or WinnerRule())


MIXED = case(a=("success", 100, 10), b=("success", 150, 5), c=("failed", 9, 9), d=("error", 1, None))


def test_the_oracle_has_no_regret() -> None:
    assert regret(A, MIXED) == PolicyRegret(True, 0.0, 0.0, 0.0, 10)


def test_regret_is_relative_and_negative_where_the_arm_was_better_on_the_other_axis() -> None:
    assert regret(B, MIXED) == PolicyRegret(True, 0.0, 0.5, -0.5, 5)


def test_a_failing_arm_beside_a_passing_oracle_is_a_missed_pass_without_a_number() -> None:
    assert regret(C, MIXED) == PolicyRegret(True, 1.0, None, None, 9)


@pytest.mark.parametrize("action", [D, CODE[3], None])
def test_an_arm_not_run_only_in_error_or_not_named_is_unobserved(action: Action | None) -> None:
    assert regret(action, MIXED) == UNOBSERVED


def test_where_nothing_passes_nobody_regrets() -> None:
    lost = case(a=("failed", 5, 5), b=("timeout", 9, None))
    assert regret(A, lost) == PolicyRegret(True, 0.0, 0.0, 0.0, 5)
    assert regret(B, lost) == PolicyRegret(True, 0.0, 0.0, 0.0, 0)


def test_unknown_cost_gives_no_cost_regret_and_zero_is_no_denominator() -> None:
    unknown = case(a=("success", 0, None), b=("success", 8, 3))
    assert regret(B, unknown) == PolicyRegret(True, 0.0, None, None, 3)
    free = case(a=("success", 4, 0), b=("success", 8, 3), c=("success", 8, 0))
    assert regret(B, free).cost_regret is None
    assert regret(C, free).cost_regret == 0.0


def test_uniform_is_the_mean_over_observed_arms() -> None:
    uniform = uniform_regret(MIXED)
    assert uniform.observed
    assert uniform.missed_pass == pytest.approx(1 / 3)
    assert uniform.duration_regret == pytest.approx(0.25)
    assert uniform.charged_micro_usd == 8, "(10 + 5 + 9) / 3: a failure is paid for, an error is no evidence"
    assert uniform_regret(case(a=("error", 1, None))) == UNOBSERVED


def test_best_fixed_prefers_a_steady_record_to_one_lucky_case() -> None:
    steady = [case(a=("success", 100, 1), b=("failed", 9, 1)) for _ in range(8)]
    lucky = [case(a=("failed", 100, 1), c=("success", 1, 1))]
    ranked = fixed_actions([*steady, *lucky])
    assert [fixed.action for fixed in ranked] == [A, C, B]
    assert (ranked[0].observed_cases, ranked[0].passed_cases, ranked[0].duration_ms) == (9, 8, 100)
    assert best_fixed([*steady, *lucky]) == A
    assert best_fixed([]) is None


def test_equal_fixed_actions_are_told_apart_by_time_then_canonical_order() -> None:
    assert best_fixed([case(a=("success", 9, 1), b=("success", 8, 1))]) == B
    assert best_fixed([case(b=("success", 9, 1), a=("success", 9, 1))]) == A


def test_the_summary_keeps_missed_passes_out_of_the_mean() -> None:
    summary = summarise("p", [regret(B, MIXED), regret(C, MIXED), regret(A, MIXED), UNOBSERVED])
    assert summary.cases == 4
    assert summary.unobserved_share == pytest.approx(0.25)
    assert summary.missed_pass_rate == pytest.approx(1 / 3)
    assert summary.mean_duration_regret == pytest.approx(0.25)
    assert summary.mean_cost_regret == pytest.approx(-0.25)


def test_spend_is_rounded_half_up_over_the_cases_that_have_one() -> None:
    dear, cheap = (case(a=("failed", 1, usd)) for usd in (4, 1))
    spent = summarise("p", [regret(A, dear), regret(A, cheap), UNOBSERVED]).mean_charged_micro_usd
    assert spent == 3


def test_an_empty_summary_claims_nothing() -> None:
    assert summarise("p", [])[1:] == (0, 0.0, None, None, None, None)
    assert summarise("p", [UNOBSERVED])[1:] == (1, 1.0, None, None, None, None)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("abcd"),
            st.tuples(
                st.sampled_from(["success", "failed", "error"]),
                st.integers(1, 9),
                st.none() | st.integers(0, 4),
            ),
        ),
        max_size=6,
    ),
    st.randoms(use_true_random=False),
)
def test_no_order_of_cases_changes_a_policy_summary(
    results: list[dict[str, tuple[str, int, int | None]]], lot: random.Random
) -> None:
    verdicts = [case(None, **result) for result in results]
    shuffled = lot.sample(verdicts, len(verdicts))
    assert fixed_actions(shuffled) == fixed_actions(verdicts)
    for policy in (lambda v: regret(A, v), uniform_regret):
        assert summarise("p", [policy(v) for v in shuffled]) == summarise("p", [policy(v) for v in verdicts])


def test_by_duration_at_equal_pass_rates_no_arm_has_negative_duration_regret() -> None:
    for action in (A, B):
        value = regret(action, MIXED).duration_regret
        assert value is not None
        assert value >= 0


@pytest.mark.parametrize("job_type", JOB_TYPES)
def test_all_valid_actions_cover_all_pairs_and_none_cover_none(job_type: str) -> None:
    valid = valid_actions(job_type)
    assert uncovered_pairs(valid, job_type) == ()  # type: ignore[arg-type]
    missing = uncovered_pairs([], job_type)  # type: ignore[arg-type]
    assert (
        len(missing) == {"code": 1 + 6 + 1 + 4 + 6 + 1, "fab-asset": 12 + 15, "fab-world": 12 + 14}[job_type]
    )


def test_a_tried_action_covers_its_three_pairs() -> None:
    missing = uncovered_pairs([A], "code")
    assert Pair("serial_handoff", "max_minutes_bin", 15) not in missing
    assert Pair("speculate_vote", "max_minutes_bin", 15) in missing
    assert len(missing) == 19 - 3
