"""Change is seen within cells alone, and no change is rarely called one."""

from datetime import date, timedelta

import numpy as np
import pytest

from bench.statistics.drift import NOTHING_SHARED, CanaryRun, by_day, by_version, rate, trend

START = date(2026, 3, 1)


def canaries(
    seed: int, *, days: int = 20, cells: int = 10, before: float = 0.6, after: float = 0.6
) -> list[CanaryRun]:
    """Every cell twice a day; half-way the version changes and with it the pass rate. Cells differ by ±0.3."""
    rng = np.random.default_rng([seed, 930])
    level = np.linspace(-0.3, 0.3, cells)
    runs = []
    for day in range(days):
        base, version = (before, "tool 1") if day < days // 2 else (after, "tool 2")
        for cell in range(cells):
            chance = min(max(base + level[cell], 0.02), 0.98)
            runs += [
                CanaryRun(f"c{cell}", version, START + timedelta(day), bool(rng.random() < chance))
                for _ in range(2)
            ]
    return runs


def test_a_change_is_found_and_dated() -> None:
    runs = canaries(1, before=0.65, after=0.35)
    (version,) = by_version(runs)
    assert (version.after, version.before, version.cells, version.runs) == ("tool 2", "tool 1", 10, 400)
    assert version.odds_ratio.high < 0.6
    assert version.adjusted_p < 0.001
    change = trend(runs)
    assert change.p < 0.001
    assert abs((change.turned - (START + timedelta(9))).days) <= 3


def test_no_change_is_called_one_in_at_most_one_of_twenty() -> None:
    calls = np.zeros(3)
    for seed in range(300):
        runs = canaries(seed)
        calls += [by_version(runs)[0].p < 0.05, trend(runs).p < 0.05, by_day(runs)[0].p < 0.05]
    # 15 are due; a binomial of 300 exceeds 24 once in a hundred times.
    assert (calls <= 24).all()


def test_other_cells_on_other_days_are_no_change() -> None:
    """Easy cells ran first and hard ones later: pooled rates fall from 1 to 0, and nothing changed."""
    easy = [CanaryRun("easy", "tool 1", START + timedelta(day), True) for day in range(10)]
    hard = [CanaryRun("hard", "tool 2", START + timedelta(10 + day), False) for day in range(10)]
    (version,) = by_version([*easy, *hard])
    assert (version.cells, version.p, version.odds_ratio.why_not) == (0, None, NOTHING_SHARED)
    assert trend([*easy, *hard]).why_not == "every canary always had the same outcome"


def test_a_change_all_one_way_has_a_p_and_no_ratio() -> None:
    runs = [
        CanaryRun(f"c{cell}", f"tool {1 + (day > 4)}", START + timedelta(day), day <= 4)
        for cell in range(3)
        for day in range(10)
    ]
    (version,) = by_version(runs)
    assert version.p < 0.001
    assert version.odds_ratio.value is None
    assert "in one direction" in version.odds_ratio.why_not


def test_several_versions_are_compared_in_their_order_and_adjusted_together() -> None:
    runs = [
        *(run for run in canaries(3, before=0.65, after=0.35)),
        *(
            run._replace(version="tool 3", day=run.day + timedelta(20))
            for run in canaries(4, before=0.35, after=0.35)
        ),
    ]
    first, second = by_version(runs)
    assert [(comparison.after, comparison.before) for comparison in (first, second)] == [
        ("tool 2", "tool 1"),
        ("tool 3", "tool 2"),
    ]
    assert first.adjusted_p == pytest.approx(min(1.0, 2 * first.p))
    assert second.adjusted_p >= second.p


def test_the_order_of_rows_changes_nothing() -> None:
    runs = canaries(5, before=0.6, after=0.4)
    shuffled = [runs[index] for index in np.random.default_rng(1).permutation(len(runs))]
    assert by_version(runs) == by_version(shuffled)
    assert by_day(runs) == by_day(shuffled)
    assert trend(runs).p == pytest.approx(trend(shuffled).p)


def test_nothing_and_one_day_are_said_so() -> None:
    assert trend([]).why_not == "canaries ran on fewer than two days"
    assert by_version([]) == by_day([]) == []
    assert rate("x", 0, 0).why_not == "there was nothing to count"
    estimate = rate("x", 3, 10)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((0.3, 0.1078, 0.6032), abs=1e-4)
