"""Rates of actions: each arm counts by its inclusion probability, and few issues borrow from the other actions."""

import numpy as np
import pytest

from bench.statistics.action_rates import PLAIN, WEIGHTED, action_rates, group_rates
from bench.statistics.table import ArmRow, BenchTable, CaseRow, ExecutionRow, build_table
from planner.space.heads import N_CELLS

FIRST, SECOND = 2, 33


def bench(*cases: tuple[dict[int, float], dict[int, str]], randomised: bool = True) -> BenchTable:
    """Cases as ({cell: π}, {cell: runs}), a run being "+", "-" or "?" for missing.

    Every run took 10 minutes; one that passed cost a dollar, any other two.
    """
    return build_table(
        CaseRow(f"c{number:02d}", f"i{number:02d}", "g", _chances(chances), randomised, _arms(arms))
        for number, (chances, arms) in enumerate(cases)
    )


def _chances(of: dict[int, float]) -> np.ndarray:
    chances = np.zeros(N_CELLS)
    chances[list(of)] = list(of.values())
    return chances


def _arms(arms: dict[int, str]) -> list[ArmRow]:
    return [
        ArmRow(cell, [_run(number, run) for number, run in enumerate(runs)]) for cell, runs in arms.items()
    ]


def _run(number: int, run: str) -> ExecutionRow:
    if run == "?":
        return ExecutionRow(number, None, "infra")
    return ExecutionRow(number, run == "+", minutes=10.0, usd=1.0 if run == "+" else 2.0)


# Hard issues, on which nothing passes, always run the first action; easy ones with one chance in four.
HARD = ({FIRST: 1.0, SECOND: 0.25}, {FIRST: "-"})
HARD_BOTH = ({FIRST: 1.0, SECOND: 0.25}, {FIRST: "-", SECOND: "-"})
EASY_FIRST = ({FIRST: 0.25, SECOND: 0.75}, {FIRST: "+"})
EASY_SECOND = ({FIRST: 0.25, SECOND: 0.75}, {SECOND: "+"})
FORCED = [HARD] * 9 + [HARD_BOTH] * 3 + [EASY_FIRST] * 3 + [EASY_SECOND] * 9


def test_arms_count_by_their_chance_to_be_drawn() -> None:
    first, second = action_rates(bench(*FORCED))
    assert (first.cell, first.issues, first.runs, first.passed) == (FIRST, 15, 15, 3)
    # 12 hard issues and 12 easy ones: half of its passes, where a plain mean gives a fifth.
    assert first.direct.value == pytest.approx(1 / 2)
    assert second.direct.value == pytest.approx((9 / 0.75) / (9 / 0.75 + 3 / 0.25))
    assert first.direct.low < first.passes.value < first.direct.high
    assert first.effective_issues == pytest.approx(24**2 / (12 + 3 * 16))
    assert first.passes.method.startswith(WEIGHTED)
    # Dollars: 12 failures of $2 that count once, and 3 passes of $1 that count four times.
    assert first.dollars_per_pass.value == pytest.approx((24 + 12) / 12)
    assert first.dollars_per_pass.low < 3 < first.dollars_per_pass.high
    assert first.minutes_to_pass.value == pytest.approx(10)


def test_a_group_is_the_mean_of_its_actions_not_of_its_arms() -> None:
    both = np.zeros(N_CELLS, dtype=np.bool_)
    both[[FIRST, SECOND]] = True
    (group,) = group_rates(bench(*FORCED), {"both": both}, seed=1)
    assert (group.issues, group.actions) == (24, 2)
    assert group.passes.value == pytest.approx(1 / 2)
    assert "uniform over the actions of the group" in group.passes.method


def test_arms_that_were_picked_have_a_plain_mean_that_is_named_so() -> None:
    first, _ = action_rates(bench(*FORCED, randomised=False))
    assert first.direct.value == pytest.approx(3 / 15)
    assert first.direct.method.startswith(PLAIN)
    assert first.passes.method.startswith(PLAIN)


def test_one_issue_carries_no_rate_of_its_own_and_a_pooled_one() -> None:
    few = ({FIRST: 0.5, SECOND: 0.5, 64: 0.1}, {64: "+"})
    *_, rare = action_rates(bench(*FORCED, few))
    assert rare.cell == 64
    assert rare.direct.value is None
    assert rare.direct.why_not.startswith("observed in fewer than 10 issues")
    assert 1 / 2 < rare.passes.value < 1
    assert rare.passes.low < 1 / 2
    assert rare.dollars_per_pass.value == pytest.approx(1)
    assert rare.dollars_per_pass.low is None


def test_money_of_lost_runs_counts_for_the_passes_there_are() -> None:
    cases = [({FIRST: 1.0}, {FIRST: "+"}), ({FIRST: 1.0}, {FIRST: "?"})] * 6
    table = bench(*cases)
    (first,) = action_rates(table, spent=np.full(len(table.arm_case), 3.0))
    assert (first.issues, first.runs) == (6, 6)
    assert first.dollars_per_pass.value == pytest.approx(6)


def test_nothing_observed_has_no_rates() -> None:
    assert action_rates(bench(({FIRST: 1.0}, {FIRST: "?"}))) == ()


def test_many_issues_have_the_interval_of_few_by_a_quicker_formula() -> None:
    both = np.zeros(N_CELLS, dtype=np.bool_)
    both[[FIRST, SECOND]] = True
    spans = []
    for copies in (20, 21):
        (group,) = group_rates(bench(*FORCED * copies), {"both": both}, seed=1)
        spans.append(group.passes)
    few, many = spans
    assert ("BCa" in few.method, "BCa" in many.method) == (True, False)
    assert many.low == pytest.approx(few.low, abs=0.01)
    assert many.high == pytest.approx(few.high, abs=0.01)
