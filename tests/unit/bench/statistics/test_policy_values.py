"""A policy's value is given where the draw supports it, and refused in one clear line where it does not."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.errors import BenchError
from bench.statistics.outcomes import pass_own_budget, utility
from bench.statistics.table import BenchTable, Floats, build_table
from bench.statistics.value import PolicyValue, policy_values
from planner.space.heads import N_CELLS
from tests.proofs.value_worlds import CELLS, Draw, World, draw, make_table, make_world

WORLD = make_world(1)
DRAWN = draw(WORLD, np.random.default_rng(1), 120)
SOFT = DRAWN.policy(WORLD.policy)
EVEN = np.zeros_like(SOFT)
EVEN[:, CELLS] = 1 / len(CELLS)


def judge(table: BenchTable, policy: Floats = SOFT, **more: Any) -> PolicyValue:
    features = DRAWN.features[: len(table.cases)]
    (value,) = policy_values(table, {"soft": policy}, features, seed=1, group_by="issue", **more)
    return value


def why(table: BenchTable, policy: Floats = SOFT) -> str:
    """The one line with which every estimate is refused."""
    value = judge(table, policy)
    estimates = [*value.estimates.values(), *value.resampled.values(), value.complete_case]
    assert value.recommended in estimates
    assert all(estimate[1:4] == (None, None, None) for estimate in estimates)
    (line,) = {estimate.why_not for estimate in estimates}
    assert line is not None
    assert "\n" not in line
    return line


def some(cases: int) -> tuple[World, Draw]:
    return WORLD, draw(WORLD, np.random.default_rng(2), cases)


def test_a_supported_policy_has_every_number() -> None:
    first, second = policy_values(
        DRAWN.table, {"even": EVEN, "soft": SOFT}, DRAWN.features, seed=1, group_by="issue"
    )
    assert first.difference is None
    assert second.recommended == second.estimates["DR"]
    assert second.recommended.estimand == "pass_own_budget"
    for estimate in (second.recommended, second.resampled["DR"], second.difference):
        assert estimate.low < estimate.value < estimate.high
    assert second.difference.value == pytest.approx(second.recommended.value - first.recommended.value)
    assert second.bounds.value is None
    assert second.finite_sample.low <= second.bounds.low <= second.bounds.high <= second.finite_sample.high


def test_the_reference_can_be_named_and_equal_policies_do_not_differ() -> None:
    first, second = policy_values(
        DRAWN.table, {"a": SOFT, "b": SOFT}, DRAWN.features, seed=1, group_by="issue", reference="b"
    )
    assert second.difference is None
    assert first.difference[1:4] == (0, 0, 0)


def test_a_model_alone_has_no_interval() -> None:
    estimate = judge(DRAWN.table).estimates["DM"]
    assert estimate.value is not None
    assert (estimate.low, estimate.high) == (None, None)


def test_picked_arms_are_refused() -> None:
    picked = DRAWN.table.randomised.copy()
    picked[:3] = False
    assert why(replace(DRAWN.table, randomised=picked)).startswith(
        "3 of 120 cases have arms that were picked"
    )


def test_choices_that_could_not_be_drawn_are_refused() -> None:
    other = np.zeros_like(SOFT)
    other[:, CELLS[0]] = 0.8
    other[:, next(cell for cell in range(N_CELLS) if cell not in CELLS)] = 0.2
    assert why(DRAWN.table, other).startswith("20.0% of the policy's choices could never be drawn")


def test_chances_that_are_not_those_of_the_draw_are_refused() -> None:
    chances = DRAWN.table.chances.copy()
    chances[:, CELLS] *= np.linspace(0.2, 1.8, len(CELLS))
    assert "do not match their stored chances" in why(replace(DRAWN.table, chances=chances))


def test_chances_that_are_all_too_small_are_refused() -> None:
    assert "the weights average 1.25" in why(replace(DRAWN.table, chances=DRAWN.table.chances * 0.8), EVEN)


def test_an_arm_against_its_chances_is_refused() -> None:
    chances = DRAWN.table.chances.copy()
    chances[0, DRAWN.table.arm_cell[0]] = 0
    assert "rule out" in why(replace(DRAWN.table, chances=chances))


def test_too_few_issues_are_refused_and_the_finite_sample_bracket_is_left() -> None:
    _, few = some(20)
    policy = few.policy(WORLD.policy)
    assert "and 30 are needed: bench more issues" in why(few.table, policy)
    value = judge(few.table, policy)
    assert value.bounds.why_not is not None
    assert (value.finite_sample.low, value.finite_sample.high) == (0, 1)


def test_one_issue_that_decides_is_refused() -> None:
    issue = np.concatenate([np.zeros(30, dtype=np.intp), np.arange(1, 91)])
    table = replace(DRAWN.table, case_issue=issue, issues=DRAWN.table.issues[:91])
    assert "one issue would carry" in why(table)


def test_issues_that_all_agree_give_no_interval() -> None:
    table = replace(DRAWN.table, passed=np.ones_like(DRAWN.table.passed))
    value = judge(table, EVEN)
    assert value.recommended.value is None
    assert "all issues agree" in value.recommended.why_not
    assert value.finite_sample.low > 0.5


def test_one_repository_cannot_be_cross_fitted_by_repository() -> None:
    table = replace(DRAWN.table, case_group=np.zeros(120, dtype=np.intp), groups=("one",))
    (value,) = policy_values(table, {"soft": SOFT}, DRAWN.features, seed=1, group_by="group")
    assert "two groups at least" in value.recommended.why_not


def test_no_cases_are_refused() -> None:
    assert why(build_table([]), np.zeros((0, N_CELLS))).startswith("there is no case")


def test_arms_nobody_ran_are_missing() -> None:
    passed = DRAWN.table.passed.copy()
    passed[::2] = np.nan
    table = make_table(
        DRAWN.table.chances,
        DRAWN.table.arm_cell.reshape(120, -1),
        passed.reshape(120, -1, 1),
        DRAWN.table.case_issue,
    )
    value = judge(table, outcome=pass_own_budget(table))
    assert value.missing.by_class == {"killed_by_cap": 360}
    assert value.missing.share == 0.5
    assert value.own_missing.share == pytest.approx(0.5, abs=0.1)
    assert value.own_missing.by_class == {"killed_by_cap": value.own_missing.share}
    assert "IPCW" in value.estimates["DR"].method
    assert value.complete_case.why_not.startswith("50% of the executions are missing")
    assert value.bounds.high - value.bounds.low > 0.4


def test_actions_whose_runs_are_nearly_always_missing_are_refused() -> None:
    passed = DRAWN.table.passed.copy()
    dear = np.isin(DRAWN.table.arm_cell, CELLS[:15])
    passed[np.flatnonzero(dear)[2:]] = np.nan
    value = judge(replace(DRAWN.table, passed=passed), EVEN)
    assert {estimate.why_not for estimate in value.estimates.values()} == {value.complete_case.why_not}
    assert "have a weight of" in value.complete_case.why_not
    assert value.recommended == value.bounds


@pytest.mark.parametrize(
    ("policies", "features", "says"),
    [
        ({"soft": SOFT[:5]}, DRAWN.features, "shape"),
        ({"soft": SOFT * 0.9}, DRAWN.features, "do not sum to 1"),
        ({"soft": -SOFT}, DRAWN.features, "negative"),
        ({"soft": SOFT}, DRAWN.features[:3], "features have the shape"),
        ({"soft": SOFT}, DRAWN.features * np.nan, "give numbers"),
    ],
)
def test_input_that_does_not_fit_is_an_error(
    policies: dict[str, Floats], features: Floats, says: str
) -> None:
    with pytest.raises(BenchError, match=says):
        policy_values(DRAWN.table, policies, features, seed=1, group_by="issue")


def test_an_unknown_reference_is_an_error() -> None:
    with pytest.raises(BenchError, match="the reference policy 'x' is not among soft"):
        judge(DRAWN.table, reference="x")


def test_utility_takes_minutes_and_dollars_off_and_misses_what_is_unknown() -> None:
    runs = len(DRAWN.table.passed)
    table = replace(DRAWN.table, minutes=np.full(runs, 10.0), usd=np.where(np.arange(runs) == 0, np.nan, 2.0))
    outcome = utility(table, per_minute=0.01, per_usd=0.1, worst=-1.0)
    assert np.isnan(outcome.values[0])
    assert outcome.values[1:] == pytest.approx(table.passed[1:] - 0.3)
    free = utility(table, per_minute=0.01, per_usd=0.0, worst=-1.0)
    assert free.values == pytest.approx(table.passed - 0.1)
    priced, plain = judge(table, outcome=free), judge(table, outcome=pass_own_budget(table))
    assert priced.estimates["Hájek"].value == pytest.approx(plain.estimates["Hájek"].value - 0.1)
    assert priced.recommended.estimand.startswith("utility")
    with pytest.raises(BenchError, match="give a worst case"):
        utility(table, per_minute=1.0, per_usd=0.0, worst=-1.0)
    with pytest.raises(BenchError, match="negative"):
        utility(table, per_minute=-1.0, per_usd=0.0, worst=-1.0)
