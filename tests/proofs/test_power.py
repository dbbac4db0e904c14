"""The issues that the formula asks for find the stated difference as often as it says."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from bench.statistics.arms import arms_of
from bench.statistics.components import variances
from bench.statistics.power import Aim, PairedSpread, detectable, issues_needed, paired_spread
from tests.proofs.conftest import Size
from tests.proofs.value_worlds import make_table

Record = Callable[[str, object], None]
LEVEL, ISSUE, INTERACTION = 0.5, 0.15, 0.1
"""Pass rates are LEVEL ± ISSUE by issue ± INTERACTION by issue and action, each with even chance."""
SPREAD = PairedSpread(
    between=2 * INTERACTION**2,
    first=LEVEL * (1 - LEVEL) - ISSUE**2 - INTERACTION**2,
    second=LEVEL * (1 - LEVEL) - ISSUE**2 - INTERACTION**2,
)


def power_of(variance: float, issues: int, difference: float, aim: Aim) -> float:
    """The probability that the t test finds `difference` on that many issues."""
    return float(TTestPower().power(difference / math.sqrt(variance), issues, aim.alpha))


def runs(
    rng: np.random.Generator, worlds: int, issues: int, replicates: int, difference: float
) -> np.ndarray:
    """(worlds, issues, 2, replicates): both actions on every issue, `difference` apart on average."""
    level = LEVEL + ISSUE * rng.choice((-1, 1), (worlds, issues, 1))
    rates = (
        level + INTERACTION * rng.choice((-1, 1), (worlds, issues, 2)) + np.array([1, -1]) * difference / 2
    )
    return rng.random((*rates.shape, replicates)) < rates[..., None]


def found_share(issues: int, replicates: int, difference: float, aim: Aim, worlds: int) -> float:
    """How often a paired t test over issues rejects."""
    rng = np.random.default_rng([issues, replicates, 920])
    rejected = 0
    for _ in range(worlds // 500):
        means = runs(rng, 500, issues, replicates, difference).mean(axis=3)
        paired = means[:, :, 0] - means[:, :, 1]
        # Few issues may all agree: their t is infinite, and it rejects.
        reach = stats.t.ppf(1 - aim.alpha / 2, issues - 1) * paired.std(axis=1, ddof=1) / np.sqrt(issues)
        rejected += int((np.abs(paired.mean(axis=1)) > reach).sum())
    return rejected / (worlds // 500 * 500)


@pytest.mark.parametrize(
    ("difference", "replicates", "aim"),
    [
        (0.10, 1, Aim(0.05, 0.80)),
        (0.10, 4, Aim(0.05, 0.90)),
        (0.20, 2, Aim(0.05, 0.80)),
        (0.30, 2, Aim(0.01, 0.80)),
        (0.20, 8, Aim(0.05, 0.80)),
        (0.30, 8, Aim(0.05, 0.80)),
    ],
)
def test_simulated_power_is_within_two_points_of_the_formula(
    size: Size, record_property: Record, difference: float, replicates: int, aim: Aim
) -> None:
    # A difference moves both rates apart, which takes δ²/4 from what binary runs vary by.
    spread = SPREAD._replace(first=SPREAD.first - difference**2 / 4, second=SPREAD.second - difference**2 / 4)
    issues = issues_needed(spread.of_one_issue(replicates), difference, aim)
    worlds = size.worlds(10_000, 100_000) if issues < 100 else size.worlds(5_000, 50_000)
    found = found_share(issues, replicates, difference, aim, worlds)
    said = power_of(spread.of_one_issue(replicates), issues, difference, aim)
    record_property("claim", f"power at {issues} issues × {replicates} replicates, δ = {difference:.0%}")
    record_property("found", f"{found:.1%} where the formula says {said:.1%}")
    record_property("rule", "within 2 points")
    assert abs(found - said) < 0.02
    # Below 15 issues the t correction itself falls short of what was asked for by a point.
    assert issues < 15 or abs(found - aim.power) < 0.02


def test_very_large_differences_of_single_runs_are_promised_a_little_too_much(
    size: Size, record_property: Record
) -> None:
    """Differences of −1, 0 and 1 on a score of issues are not normal: a limit of the formula, kept in sight."""
    spread = SPREAD._replace(first=SPREAD.first - 0.04, second=SPREAD.second - 0.04)
    issues = issues_needed(spread.of_one_issue(1), 0.40)
    found = found_share(issues, 1, 0.40, Aim(), size.worlds(10_000, 100_000))
    off = found - power_of(spread.of_one_issue(1), issues, 0.40, Aim())
    record_property("claim", f"limit of the power formula: {issues} issues × 1 replicate, δ = 40%")
    record_property("found", f"off by {100 * off:+.1f} points")
    record_property("rule", "known to be 2 to 4 points too hopeful")
    assert -0.04 < off < -0.02


def test_replicates_taken_for_issues_find_less_than_they_promise() -> None:
    """Who forgets ω² believes that eight replicates do what issues do."""
    forgotten = SPREAD._replace(between=0.0)
    issues = issues_needed(forgotten.of_one_issue(8), 0.10)
    assert found_share(issues, 8, 0.10, Aim(), 5_000) < 0.75


def test_the_components_of_a_bench_give_the_variance_of_paired_differences() -> None:
    rng = np.random.default_rng([1, 921])
    seen = runs(rng, 1, 3_000, 8, 0.1)[0]
    cells = np.tile([2, 33], (3_000, 1))
    chances = np.zeros((3_000, 240))
    chances[:, [2, 33]] = 1.0
    table = make_table(chances, cells, seen.astype(np.float64), np.arange(3_000))
    spread = paired_spread(variances(arms_of(table, table.passed)))
    assert spread.of_one_issue(8) == pytest.approx(
        float(np.var(seen.mean(axis=2) @ [1, -1], ddof=1)), rel=0.03
    )
    assert spread.between == pytest.approx(SPREAD.between, rel=0.25)


def test_what_a_size_detects_needs_that_size() -> None:
    for issues in (12, 80, 400):
        difference = detectable(0.3, issues)
        assert difference is not None
        assert issues_needed(0.3, difference * (1 + 1e-9)) == issues
    assert detectable(0.3, 2) is None
