"""Runs killed by their own dollar cap: failures in one estimand, missing in the other; and the worst utility."""

from functools import partial

import numpy as np
import pytest

from bench.errors import BenchError
from bench.statistics.missing import policy_missing
from bench.statistics.outcomes import pass_outcome, pass_own_budget, pass_within_caps, utility, worst_utility
from bench.statistics.table import ArmRow, BenchTable, CaseRow, ExecutionRow, build_table
from planner.space.heads import N_CELLS

PASSED = ExecutionRow(0, True, minutes=10.0, usd=0.5)
FAILED = ExecutionRow(0, False, minutes=30.0, usd=1.0)
KILLED = ExecutionRow(0, None, "killed_by_cap", minutes=20.0, usd=2.0)
LOST = ExecutionRow(0, None, "infra")


def table(*runs: ExecutionRow) -> BenchTable:
    """A case a run, each of the one arm 5."""
    chances = np.zeros(N_CELLS)
    chances[5] = 1.0
    return build_table(
        CaseRow(str(number), str(number), "repo", chances, True, [ArmRow(5, [run])])
        for number, run in enumerate(runs)
    )


def test_a_kill_is_a_failure_within_caps_and_what_was_lost_stays_missing() -> None:
    runs = table(PASSED, FAILED, KILLED, LOST)
    assert pass_within_caps(runs).values.tolist()[:3] == [1.0, 0.0, 0.0]
    assert np.isnan(pass_within_caps(runs).values[3])
    assert np.isnan(pass_own_budget(runs).values).tolist() == [False, False, True, True]


def test_kills_in_the_table_make_within_caps_the_default() -> None:
    assert pass_outcome(table(PASSED, KILLED)).estimand == "pass_within_caps"
    assert pass_outcome(table(PASSED, LOST)).estimand == "pass_own_budget"
    assert pass_outcome(table(PASSED, KILLED), "pass_own_budget").estimand == "pass_own_budget"


def test_the_missing_share_is_of_the_policys_own_runs_by_reason() -> None:
    chances, policy = np.zeros(N_CELLS), np.zeros((4, N_CELLS))
    chances[[3, 5]] = 1.0
    policy[:, 3], policy[:, 5] = 0.75, 0.25
    rows = [
        CaseRow(
            str(number), str(number), "repo", chances, True, [ArmRow(3, [first]), ArmRow(5, [second, FAILED])]
        )
        for number, (first, second) in enumerate(
            [(KILLED, PASSED), (LOST, PASSED), (PASSED, LOST), (PASSED, PASSED)]
        )
    ]
    own = policy_missing(build_table(rows), policy, pass_own_budget(build_table(rows)))
    assert own is not None
    assert own.by_class == pytest.approx({"killed_by_cap": 0.75 / 4, "infra": (0.75 + 0.125) / 4})
    assert own.share == pytest.approx(1.625 / 4)
    assert own.bounds_lead
    within = policy_missing(build_table(rows), policy, pass_within_caps(build_table(rows)))
    assert within is not None
    assert within.share == pytest.approx(0.875 / 4)


def test_a_policy_none_of_whose_actions_ran_has_no_missing_share() -> None:
    policy = np.zeros((1, N_CELLS))
    policy[:, 7] = 1.0
    assert policy_missing(table(PASSED), policy, pass_own_budget(table(PASSED))) is None


def test_the_worst_utility_is_that_of_the_caps_or_the_lowest_seen() -> None:
    runs = table(PASSED, FAILED, KILLED)
    worst = partial(worst_utility, runs, per_minute=0.01, per_usd=0.1)
    assert worst(minutes=120, usd=3.0) == -1.5
    assert worst(minutes=10, usd=0.5) == -0.4
    passes = pass_within_caps(runs)
    outcome = utility(runs, per_minute=0.01, per_usd=0.1, worst=-1.5, passes=passes)
    assert outcome.values[2] == pytest.approx(-0.4)
    assert outcome.estimand.startswith("utility of pass_within_caps")
    with pytest.raises(
        BenchError, match=r"lowest utility seen is -0\.4, below the worst case -0\.2; .* as -0\.4"
    ):
        utility(runs, per_minute=0.01, per_usd=0.1, worst=-0.2)
