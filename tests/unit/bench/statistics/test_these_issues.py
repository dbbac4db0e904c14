"""The interval for exactly these issues: given where the lottery of arms is known, refused where it is not."""

from dataclasses import replace

import numpy as np
import pytest

from bench.statistics.outcomes import pass_own_budget
from bench.statistics.table import BenchTable, Floats
from bench.statistics.these_issues import NO_JOINT, run_noise
from bench.statistics.value import PolicyValue, policy_values
from planner.space.heads import N_CELLS
from tests.proofs.lottery_worlds import lottery
from tests.proofs.table_worlds import always, outcome_table

WORLD = outcome_table(5, issues=150, arms=6, attempts=20)
TABLE = lottery(WORLD, np.random.default_rng(5), 4, forced=0)
EVEN = np.zeros((150, N_CELLS))
EVEN[:, WORLD.cells] = 1 / 6


def values(table: BenchTable) -> dict[str, PolicyValue]:
    policies = {"always 0": always(WORLD, table, 0), "always 1": always(WORLD, table, 1), "even": EVEN}
    found = policy_values(table, policies, np.zeros((150, 0)), seed=1, group_by="issue", reference="always 1")
    return {value.policy: value for value in found}


def width(of: PolicyValue) -> tuple[float, float]:
    """The widths of the intervals for these issues, and for issues like these."""
    assert of.these_issues.high is not None
    return of.these_issues.high - of.these_issues.low, of.recommended.high - of.recommended.low


def test_both_intervals_are_of_the_same_number_and_name_what_they_are_over() -> None:
    for value in values(TABLE).values():
        assert value.estimator == "issue-adjusted DR"
        assert value.recommended == value.estimates["issue-adjusted DR"]
        assert value.these_issues.value == value.recommended.value
        assert value.these_issues.method.endswith("for exactly these 150 issues")
        assert width(value)[0] < width(value)[1]


def test_single_runs_are_taken_as_they_came_out_and_two_runs_have_noise() -> None:
    single, double = (
        values(lottery(WORLD, np.random.default_rng(6), 4, forced=0, replicates=runs)) for runs in (1, 2)
    )
    assert "each run as it came out once" in single["even"].these_issues.method
    assert "the lottery of arms and the runs" in double["even"].these_issues.method
    # The arm that is drawn in every issue: nothing is left to chance but its runs.
    assert width(single["always 0"])[0] == 0
    assert width(double["always 0"])[0] > 0


def test_differences_here_are_of_the_same_number_and_narrower() -> None:
    found = values(TABLE)
    assert found["always 1"].difference_here is None
    for name in ("always 0", "even"):
        here, difference = found[name].difference_here, found[name].difference
        assert here.value == pytest.approx(difference.value)
        assert here.high - here.low < difference.high - difference.low


def test_only_policies_of_several_arms_need_joint_probabilities() -> None:
    found = values(replace(TABLE, pairs=None, swaps=None))
    assert found["always 1"].estimator == "DR"
    assert found["always 1"].these_issues.value == found["always 1"].recommended.value
    # The forced arm is certain, so the difference from it has one random arm.
    assert found["always 0"].difference_here.value is not None
    assert found["even"].these_issues[1:4] == (None, None, None)
    assert found["even"].these_issues.why_not == NO_JOINT


def test_noise_is_each_arms_own_or_pooled_by_how_certain_the_run_is() -> None:
    table = lottery(WORLD, np.random.default_rng(7), 4, replicates=2)
    passed: Floats = table.passed.copy()
    passed[1::2][:300] = np.nan
    fitted = np.where(np.arange(600) % 2, 0.5, 0.1)
    noise = run_noise(table, passed, fitted, 0.0, 1.0)
    single = noise[:300]
    assert single[1] / single[0] == pytest.approx(0.25 / 0.09)
    runs = passed.reshape(-1, 2)[300:]
    assert noise[300:] == pytest.approx(runs.var(axis=1, ddof=1) / 2)


def test_noise_of_single_runs_can_be_borrowed() -> None:
    fitted = np.full(600, 0.5)
    outcome = pass_own_budget(TABLE)
    assert run_noise(TABLE, outcome.values, fitted, 0.0, 1.0) is None
    assert run_noise(TABLE, outcome.values, fitted, 0.0, 1.0, borrowed=0.04) == pytest.approx(0.04)
