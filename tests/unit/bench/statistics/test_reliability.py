"""pass@k and pass^k by action: given where arms ran k times on enough issues, refused with the reason where not."""

import numpy as np
import pytest

from bench.statistics.outcomes import OWN_BUDGET
from bench.statistics.reliability import reliability
from bench.statistics.table import ArmRow, BenchTable, CaseRow, ExecutionRow, build_table
from planner.space.heads import N_CELLS


def bench(*cases: dict[int, str]) -> BenchTable:
    """Cases as {cell: runs}, a run being "+", "-" or "?" for missing."""
    chances = np.zeros(N_CELLS)
    chances[[2, 33, 64]] = 1.0
    return build_table(
        CaseRow(
            f"c{number:02d}",
            f"i{number:02d}",
            "g",
            chances,
            True,
            [
                ArmRow(
                    cell,
                    [
                        ExecutionRow(replicate, None if run == "?" else run == "+")
                        for replicate, run in enumerate(runs)
                    ],
                )
                for cell, runs in case.items()
            ],
        )
        for number, case in enumerate(cases)
    )


def test_every_action_gets_its_own_numbers_and_all_together_theirs() -> None:
    cases = [{2: "+-", 33: "++"}, {2: "--", 33: "+-"}, {2: "++", 33: "?+"}] * 4
    everything, first, second = reliability(bench(*cases), [2], seed=1)
    assert [row.cell for row in (everything, first, second)] == [None, 2, 33]
    assert (everything.issues, everything.runs, everything.passed) == (12, 44, 28)
    assert (first.issues, first.runs, first.passed) == (12, 24, 12)
    assert first.passes.estimand == OWN_BUDGET
    # Pooled: the first action, which passes half of its runs, is drawn to the other.
    assert 1 / 2 < first.passes.value < 2 / 3 < second.passes.value
    assert first.passes.low < 1 / 2 < first.passes.high
    (at,) = first.at_k
    assert (at.k, at.any_of_k.estimand, at.all_of_k.estimand) == (2, "pass@2", "pass^2")
    assert at.any_of_k.low < 2 / 3 < at.any_of_k.high
    assert at.all_of_k.value < at.any_of_k.value
    # Over all arms alike: 12 of the first action, of the second 8 that ran twice.
    assert everything.passes.value == pytest.approx((1 / 2 + 5 / 6) / 2)
    assert everything.at_k[0].any_of_k.value == pytest.approx(16 / 20)
    assert everything.at_k[0].all_of_k.value == pytest.approx(8 / 20)


def test_an_action_with_few_issues_borrows_from_the_others() -> None:
    cases = [{2: "+-"}, {2: "--"}, {2: "++"}] * 4 + [{33: "++"}]
    _, _, few = reliability(bench(*cases), [2, 3], seed=1)
    assert few.issues == 1
    assert 1 / 2 < few.passes.value < 1
    assert few.at_k[0].any_of_k.value is not None
    assert few.at_k[1].any_of_k.why_not == "no arm was observed 3 times: submit the bench with --replicates 3"


def test_single_runs_give_a_pass_rate_and_no_more() -> None:
    (everything, _) = reliability(bench(*[{2: "+"}, {2: "-"}] * 6), [2, 3], seed=1)
    assert everything.passes.value == pytest.approx(1 / 2)
    for at in everything.at_k:
        for each in (at.any_of_k, at.all_of_k):
            assert (each.value, each.low, each.high) == (None, None, None)
            assert each.why_not == (
                f"no arm was observed {at.k} times: submit the bench with --replicates {at.k}"
            )


def test_few_issues_carry_no_number_however_often_they_ran() -> None:
    everything, only = reliability(bench(*[{2: "+-+"}] * 9), [2], seed=1)
    for row in (everything, only):
        assert (row.issues, row.runs, row.passed) == (9, 27, 18)
        assert row.passes.value is None
        assert row.passes.why_not == "observed in fewer than 10 issues: bench more issues"
        assert row.at_k[0].all_of_k.value is None


def test_a_bench_that_observed_nothing_refuses_everything() -> None:
    (everything,) = reliability(bench({2: "??"}), [2], seed=1)
    assert (everything.issues, everything.runs, everything.passes.value) == (0, 0, None)
    assert everything.at_k[0].any_of_k.value is None
