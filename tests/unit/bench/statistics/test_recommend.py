"""Which action is recommended, in which words, and why there may be none."""

from dataclasses import replace

import numpy as np
import pytest

from bench.statistics.choice import ActionChoice, choose_action
from bench.statistics.contenders import Contenders, contenders_of
from bench.statistics.outcomes import pass_outcome, pass_own_budget
from bench.statistics.recommend import (
    MOST_ISSUES,
    better,
    is_confirmed,
    leader_and_rival,
    recommend,
    settling,
)
from bench.statistics.recommendation import Recommendation
from bench.statistics.table import ArmRow, BenchTable, CaseRow, ExecutionRow, Floats, build_table
from planner.space.heads import N_CELLS

CELLS = (0, 60, 120, 180)


def run(passed: float | None, usd: float = 1.0, missing: str = "") -> ExecutionRow:
    return ExecutionRow(0, None if passed is None else bool(passed), missing, usd=usd)  # type: ignore[arg-type]


def bench(
    rates: tuple[float, ...], issues: int, *, lost: float = 0.0, randomised: bool = True, why: str = "infra"
) -> BenchTable:
    """Every action on every issue; a share of its runs is lost. Action a costs a + 1 dollars a run, and some cents."""
    rng = np.random.default_rng(5)
    chances = np.zeros(N_CELLS)
    chances[list(CELLS[: len(rates)])] = 1.0
    rows = []
    for number in range(issues):
        level = rng.normal(0, 0.1)
        arms = []
        for action, rate in enumerate(rates):
            usd = (action + 1) * float(np.exp(0.2 * rng.standard_normal()))
            is_lost = rng.random() < lost
            outcome = None if is_lost else float(rng.random() < rate + level)
            arms.append(ArmRow(CELLS[action], [run(outcome, usd, why if is_lost else "")]))
        rows.append(
            CaseRow(
                f"c{number}", f"i{number}", "repo", chances if randomised else 0 * chances, randomised, arms
            )
        )
    return build_table(rows)


def today(table: BenchTable, cell: int = 0) -> Floats:
    policy = np.zeros((len(table.cases), N_CELLS))
    policy[:, cell] = 1.0
    return policy


def answer(table: BenchTable, cell: int = 0, expected: int | None = None) -> Recommendation:
    features = np.zeros((len(table.cases), 0))
    return recommend(table, today(table, cell), features, pass_outcome(table), seed=1, expected=expected)


def test_a_large_difference_is_sure_and_settled() -> None:
    found = answer(bench((0.3, 0.8, 0.4), 80))
    assert (found.cell, found.word, found.keeps_today) == (60, "sure", False)
    assert found.rival == 0
    assert found.rival_is_today
    assert found.settling is None
    assert found.difference.low > 0.2
    assert found.dollars.value == pytest.approx(1.0, abs=0.25)
    assert found.best[0].cell == 60
    assert [best.is_today for best in found.best].count(True) == 1
    assert sum(best.chance_best for best in found.best) == pytest.approx(1.0)


def test_a_look_is_never_sure() -> None:
    assert answer(bench((0.3, 0.8, 0.4), 80), expected=200).word == "likely"


def test_few_issues_are_never_sure_and_name_the_number_that_decides() -> None:
    found = answer(bench((0.05, 0.95), 8))
    assert found.word == "likely"
    assert found.settling.difference == 0.2
    assert 5 < found.settling.issues < 200
    assert found.settling.usd == pytest.approx(found.settling.issues * 3.0, rel=0.5)


def test_an_action_that_some_issues_do_not_allow_is_not_recommended() -> None:
    table = bench((0.3, 0.8, 0.6), 80)
    chances = table.chances.copy()
    chances[:4, 60] = 0.0
    rows = table.arm_case[table.run_arm], table.arm_cell[table.run_arm]
    kept = ~((rows[0] < 4) & (rows[1] == 60))
    arms = ~((table.arm_case < 4) & (table.arm_cell == 60))
    narrower = replace(
        table,
        chances=chances,
        arm_case=table.arm_case[arms],
        arm_cell=table.arm_cell[arms],
        run_arm=(np.cumsum(arms) - 1)[table.run_arm[kept]],
        passed=table.passed[kept],
        missing=table.missing[kept],
        minutes=table.minutes[kept],
        usd=table.usd[kept],
    )
    assert answer(table).cell == 60
    found = answer(narrower)
    assert found.cell == 120
    assert 60 not in [best.cell for best in found.best]


def test_todays_action_is_kept_where_it_is_the_best() -> None:
    found = answer(bench((0.9, 0.4, 0.3), 80))
    assert found.keeps_today
    assert found.cell == 0
    assert found.difference.value > 0.2
    assert not found.rival_is_today


def test_a_small_difference_needs_more_issues_than_a_large_one() -> None:
    near, far = (answer(bench(rates, 60)) for rates in ((0.45, 0.5), (0.4, 0.5)))
    assert "sure" not in (near.word, far.word)
    assert near.settling is None or near.settling.issues > far.settling.issues
    assert far.settling.issues <= MOST_ISSUES


def test_missing_runs_leave_bounds() -> None:
    found = answer(bench((0.3, 0.8), 60, lost=0.1))
    assert found.bounds_lead
    assert (found.word, found.chance, found.settling) == (None, None, None)
    assert found.difference.value is None
    whole = answer(bench((0.3, 0.8), 60))
    assert found.difference.high - found.difference.low > whole.difference.high - whole.difference.low


def test_runs_killed_by_their_own_cap_are_failures_and_leave_no_bounds() -> None:
    table = bench((0.3, 0.8), 60, lost=0.1, why="killed_by_cap")
    found = answer(table)
    assert (found.estimand, found.missing) == ("pass_within_caps", 0.0)
    assert found.word == "sure"
    own = recommend(table, today(table), np.zeros((60, 0)), pass_own_budget(table), seed=1)
    assert own.bounds_lead


def test_the_same_arms_on_every_issue_need_no_lottery() -> None:
    assert answer(bench((0.3, 0.8), 60, randomised=False)).word == "sure"


def test_arms_that_were_picked_by_issue_are_refused() -> None:
    table = bench((0.3, 0.8, 0.4), 60, randomised=False)
    rows = [
        CaseRow(f"c{n}", f"i{n}", "repo", np.zeros(N_CELLS), False, [ArmRow(CELLS[n % 3], [run(n % 2)])])
        for n in range(9)
    ]
    assert answer(table).why_not is None
    assert "picked, not drawn" in answer(build_table(rows)).why_not


def test_todays_policy_that_did_not_run_gives_no_difference_to_it() -> None:
    found = answer(bench((0.3, 0.8, 0.4), 80), cell=200)
    assert found.cell == 60
    assert not found.rival_is_today
    assert all(best.difference is None for best in found.best)


def test_a_policy_of_several_actions_is_compared_as_a_whole() -> None:
    table = bench((0.3, 0.8, 0.4), 60)
    policy = today(table)
    policy[::2] = today(table, 120)[::2]
    found = recommend(table, policy, np.zeros((60, 0)), pass_own_budget(table), seed=1)
    assert (found.cell, found.rival, found.rival_is_today) == (60, None, True)
    (row,) = [best for best in found.best if best.is_today]
    assert row.chance_best is None
    assert row.passes.low < 0.36 < row.passes.high


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (build_table([]), "no issue has a verdict yet"),
        (bench((0.3, 0.8), 5, lost=1.1), "every run ended in an error"),
        (bench((0.5,), 5), "submit with --k 2 or more"),
        (bench((2.0, 2.0), 5), "all 10 runs passed"),
        (bench((-2.0, -2.0), 5), "all 10 runs failed"),
    ],
)
def test_what_cannot_be_answered_is_one_line_with_its_reason(table: BenchTable, why: str) -> None:
    found = answer(table)
    assert why in found.why_not
    assert "\n" not in found.why_not
    assert found.best == ()


def test_runs_of_unknown_cost_leave_the_dollars_out() -> None:
    table = bench((0.3, 0.8), 60)
    table.usd[:] = np.nan
    found = answer(table)
    assert found.dollars.value is None
    assert found.word == "sure"
    assert all(best.dollars.value is None for best in found.best)


def chosen_by_issue(issues: int) -> tuple[BenchTable, Floats]:
    """Today's takes one of two actions by issue and passes .6; of 24 others, each drawn seldom, most pass .1."""
    rng = np.random.default_rng(8)
    others = np.arange(2, 26) * 7
    policy, rows = np.zeros((issues, N_CELLS)), []
    for number in range(issues):
        own = (0, 60)[number % 2]
        policy[number, own] = 1.0
        chances = np.zeros(N_CELLS)
        chances[others] = 4 / len(others)
        chances[[0, 60]] = 0.1
        chances[own] = 1.0
        drawn = [(own, 0.6)] + [(int(cell), 0.1) for cell in rng.choice(others, 4, replace=False)]
        if number % 10 == 0:
            drawn.append((60 - own, 0.1))
        arms = [ArmRow(cell, [run(float(rng.random() < rate))]) for cell, rate in drawn]
        rows.append(CaseRow(f"c{number:03d}", f"i{number:03d}", "repo", chances, True, arms))
    return build_table(rows), policy


def test_todays_policy_by_issue_is_not_pulled_towards_the_actions() -> None:
    table, policy = chosen_by_issue(60)
    chosen = policy[table.arm_case, table.arm_cell] > 0
    choice = choose_action(table, table.passed, policy, seed=1)
    assert choice.today.mean() == pytest.approx(table.passed[chosen[table.run_arm]].mean(), abs=0.025)


def test_sure_needs_a_doubly_robust_difference_that_excludes_0() -> None:
    table = bench((0.3, 0.8, 0.4), 80)
    assert answer(table).word == "sure"
    assert confirmed_with(table, (1, 0))
    assert not confirmed_with(table, (0, 1))


def confirmed_with(table: BenchTable, pair: tuple[int, int]) -> bool:
    choice = choose_action(table, table.passed, today(table), seed=1)
    contenders = contenders_of(choice, today(table))
    return is_confirmed(table, np.zeros((80, 0)), pass_outcome(table), contenders, today(table), pair)


def test_todays_that_is_as_likely_the_better_is_kept() -> None:
    rng = np.random.default_rng(1)
    first = rng.normal(0.5, 0.01, 1000)
    rare = np.where(np.arange(1000) < 400, first + 0.5, first - 0.01)
    draws = np.column_stack([first, rare])
    contenders = Contenders(draws, (0, 60), 0, (0.6, 0.4))
    assert contenders.ranked() == [1, 0]
    assert leader_and_rival(contenders, [1, 0]) == (0, 1)


def test_half_of_the_ties_count_for_each() -> None:
    draws = np.column_stack([np.zeros(10), np.append(np.ones(4), np.zeros(6))])
    assert better(draws, 1, 0) == pytest.approx(0.7)


def test_what_settles_is_sized_for_sure_and_less_what_is_to_come() -> None:
    gain = np.random.default_rng(1).normal(0.1, 0.08, 4000)
    choice = ActionChoice(np.array([0, 60]), np.zeros((1, 2)), None, 0.2, 60)
    alone, some, enough = (settling(gain, choice, [0.5, 0.5], to_come) for to_come in (0, 60, 2000))
    reach = (2.326 + 0.842) ** 2
    assert alone.issues == pytest.approx(reach * 0.4 / 0.1**2 - 0.4 / 0.08**2, rel=0.06)
    assert some.issues == pytest.approx(alone.issues - 0.4 / 0.08**2, abs=4)
    assert (enough.issues, enough.usd) == (0, 0.0)
