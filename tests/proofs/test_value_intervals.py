"""Two intervals: for exactly these issues, and for issues like these; each holds its own value and not the other."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from bench.statistics.estimators import ADJUSTED_DR, Log, minus, terms, value
from bench.statistics.intervals import linearised
from bench.statistics.judging import Judge
from bench.statistics.table import Floats
from bench.statistics.these_issues import half_width, lotteries
from tests.proofs.conftest import Record, Size
from tests.proofs.lottery_worlds import logs, lottery
from tests.proofs.table_worlds import OutcomeTable, always, outcome_table, systems_table

Measure = Callable[[Judge, Log, Log], tuple[float, float]]
"""(estimate, half the width of its interval) of the difference of two policies."""


class Report(NamedTuple):
    """Shares held, and mean half-widths over 1.96 standard deviations of the estimates, by pair of arms."""

    held: Floats
    width: Floats
    error: Floats

    @property
    def coverage(self) -> float:
        return float(self.held.mean())

    @property
    def ratio(self) -> float:
        """Mean width over the scatter of the estimates, both in standard errors."""
        return float((self.width.mean(axis=0) / (1.96 * self.error.std(axis=0))).mean())


def here(judge: Judge, one: Log, other: Log) -> tuple[float, float]:
    weight = one.weight - other.weight
    half = half_width(judge.table, lotteries(judge.table, one, weight, judge.share, judge.noise))
    assert isinstance(half, float)
    return value(minus(terms(ADJUSTED_DR, one), terms(ADJUSTED_DR, other))), half


def like_these(judge: Judge, one: Log, other: Log) -> tuple[float, float]:
    of = minus(terms(ADJUSTED_DR, one), terms(ADJUSTED_DR, other))
    span = linearised(of)
    return value(of), (span.high - span.low) / 2


def measure(
    world: OutcomeTable,
    by: Measure,
    draws: int,
    *,
    k: int,
    issues: int | None = None,
    replicates: int = 1,
    forced: int | None = None,
) -> Report:
    """Differences of each arm from the best, drawn `draws` times; issues are the table's, or new ones like them."""
    arms = len(world.cells)
    best = int(np.argmax(world.values))
    others = [arm for arm in range(arms) if arm != best]
    rng = np.random.default_rng([draws, arms, k])
    held, widths, errors = [], [], []
    for _ in range(draws):
        table = lottery(world, rng, k, issues=issues, replicates=replicates, forced=forced)
        judge, by_arm = logs(table, {str(arm): always(world, table, arm) for arm in range(arms)})
        measured = np.array([by(judge, by_arm[str(best)], by_arm[str(arm)]) for arm in others])
        error = measured[:, 0] - (world.values[best] - world.values[others])
        held.append(np.abs(error) <= measured[:, 1])
        widths.append(measured[:, 1])
        errors.append(error)
    return Report(np.array(held), np.array(widths), np.array(errors))


def slack(draws: int) -> float:
    """1.5 points, and more where few draws leave the share itself uncertain."""
    return 0.015 + 2 * float(np.sqrt(0.95 * 0.05 / (4 * draws)))


@pytest.mark.parametrize(("arms", "k", "forced"), [(12, 4, None), (6, 4, None), (12, 4, 3)])
def test_intervals_for_these_issues_hold_95_percent(
    arms: int, k: int, forced: int | None, size: Size, record_property: Record
) -> None:
    draws = size.worlds(thin=25, full=500)
    report = measure(systems_table(31, issues=500, arms=arms), here, draws, k=k, forced=forced)
    record_property(
        "claim", f"exactly these 500 issues, {arms} arms, K = {k}, forced {forced}, {draws} draws"
    )
    record_property("found", f"{report.coverage:.1%}, SE/SD {report.ratio:.2f}")
    record_property("rule", "95 ± 1.5 %, 0.95 … 1.06")
    assert abs(report.coverage - 0.95) <= slack(draws)
    assert abs(report.ratio - 1) <= (0.06 if size.full else 0.15)


def test_the_noise_of_runs_is_in_them(size: Size, record_property: Record) -> None:
    draws = size.worlds(thin=60, full=600)
    world = outcome_table(32, issues=80, arms=13, attempts=60)
    report = measure(world, here, draws, k=4, replicates=2)
    record_property("claim", f"exactly these 80 issues, two runs an arm, {draws} draws")
    record_property("found", f"{report.coverage:.1%}")
    record_property("rule", "95 ± 2 %")
    assert abs(report.coverage - 0.95) <= slack(draws) + 0.005


@pytest.mark.parametrize("arms", [12, 24])
def test_intervals_for_issues_like_these_hold_95_percent(
    arms: int, size: Size, record_property: Record
) -> None:
    draws = size.worlds(thin=60, full=600)
    report = measure(systems_table(33, arms=arms), like_these, draws, k=4, issues=150)
    record_property("claim", f"issues like these, {arms} arms, K = 4, 150 issues, {draws} draws")
    record_property("found", f"{report.coverage:.1%}, SE/SD {report.ratio:.2f}")
    record_property("rule", "95 ± 1.5 %, 0.95 … 1.06")
    assert abs(report.coverage - 0.95) <= slack(draws)
    assert abs(report.ratio - 1) <= (0.06 if size.full else 0.15)


def test_these_issues_have_the_narrower_interval(size: Size, record_property: Record) -> None:
    draws = size.worlds(thin=5, full=50)
    widths = {}
    for arms in (12, 6):
        world = systems_table(34, arms=arms)
        for name, by in (("here", here), ("like these", like_these)):
            widths[arms, name] = measure(world, by, draws, k=4).width.mean()
    ratios = [widths[arms, "here"] / widths[arms, "like these"] for arms in (12, 6)]
    record_property("claim", "half-width for these issues ÷ for issues like these, 12 and 6 arms")
    record_property("found", ", ".join(f"{ratio:.2f}" for ratio in ratios))
    record_property("rule", "< 0.92, < 0.75")
    assert ratios[0] < 0.92
    assert ratios[1] < 0.75


def test_an_interval_for_these_issues_does_not_hold_for_others(size: Size, record_property: Record) -> None:
    """The harness finds the wrong one of the two intervals."""
    draws = size.worlds(thin=60, full=500)
    report = measure(systems_table(35, arms=6), here, draws, k=4, issues=150)
    record_property("claim", f"the interval for these issues is no interval for others, {draws} draws")
    record_property("found", f"{report.coverage:.1%}")
    record_property("rule", f"below {0.95 - slack(draws):.1%}")
    assert report.coverage < 0.95 - slack(draws)
