"""Rates of actions whose runs are killed or missing: a kill is a failure within caps, and missing runs leave bounds."""

import numpy as np
import pytest

from bench.statistics.action_rates import action_rates
from bench.statistics.bounded_rates import BOUNDS, bounded_groups, bounded_rates, missing_share
from bench.statistics.outcomes import WITHIN_CAPS, pass_own_budget, pass_within_caps
from bench.statistics.reliability import reliability
from bench.statistics.table import ArmRow, BenchTable, CaseRow, ExecutionRow, Missing, build_table
from planner.space.heads import N_CELLS

FIRST, SECOND = 2, 33
ISSUES = 24


def bench(runs: str, why: Missing) -> BenchTable:
    """Both actions on every issue; the second passes on every other one. The first has `runs`, again and again.

    A run is "+", "-" or "?" for one that is missing because of `why`.
    """
    chances = np.zeros(N_CELLS)
    chances[[FIRST, SECOND]] = 0.5
    outcomes: dict[str, tuple[bool | None, Missing]] = {"+": (True, ""), "-": (False, ""), "?": (None, why)}
    return build_table(
        CaseRow(
            f"c{number:02d}",
            f"i{number:02d}",
            "g",
            chances,
            True,
            [
                ArmRow(FIRST, [ExecutionRow(0, *outcomes[runs[number % len(runs)]], minutes=5.0, usd=1.0)]),
                ArmRow(SECOND, [ExecutionRow(0, number % 2 == 0, minutes=5.0, usd=1.0)]),
            ],
        )
        for number in range(ISSUES)
    )


def test_kills_by_its_own_cap_do_not_put_an_action_first() -> None:
    table = bench("+??-", "killed_by_cap")
    killed, other = bounded_rates(table, pass_within_caps(table))
    assert (killed.passes.estimand, killed.issues, killed.runs) == (WITHIN_CAPS, ISSUES, ISSUES)
    assert killed.direct.value == pytest.approx(1 / 4)
    assert other.direct.value == pytest.approx(1 / 2)
    assert killed.passes.value < other.passes.value


def test_missing_runs_leave_bounds_and_the_other_action_keeps_its_rate() -> None:
    table = bench("+??+", "infra")
    lost, other = bounded_rates(table, pass_own_budget(table))
    assert missing_share(table, pass_own_budget(table), table.arm_cell == FIRST) == pytest.approx(1 / 2)
    for estimate in (lost.passes, lost.direct):
        assert estimate.value is None
        assert estimate.why_not is None
        assert BOUNDS in estimate.method
    # All missing runs fail: half of them pass; all pass: every one does.
    assert lost.direct.low < 1 / 2
    assert lost.direct.high == 1
    assert lost.runs == ISSUES / 2
    assert other == action_rates(table)[1]


def test_few_missing_runs_leave_the_rate() -> None:
    table = bench("+" * (ISSUES - 1) + "-", "infra")
    assert bounded_rates(table, pass_own_budget(table)) == action_rates(table)


def test_a_group_with_missing_runs_has_bounds() -> None:
    table = bench("+??+", "infra")
    first, second = (np.arange(N_CELLS) == cell for cell in (FIRST, SECOND))
    lost, other = bounded_groups(table, pass_own_budget(table), {"first": first, "second": second}, seed=1)
    assert lost.passes.value is None
    assert other.passes.value == pytest.approx(1 / 2)
    assert lost.passes.low < 1 / 2 < lost.passes.high


def test_reliability_counts_a_kill_as_a_failure_within_caps() -> None:
    table = bench("+??-", "killed_by_cap")
    everything, killed, _ = reliability(table, [], seed=1, passes=pass_within_caps(table))
    assert (killed.runs, killed.passed, killed.passes.estimand) == (ISSUES, ISSUES // 4, WITHIN_CAPS)
    assert everything.passes.value == pytest.approx((1 / 4 + 1 / 2) / 2)
    assert everything.passes.estimand == WITHIN_CAPS
