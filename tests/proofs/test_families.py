"""Benches in which nothing differs: of all differences that a report shows, none is false more often than 1 in 20."""

import numpy as np
import pytest

from bench.statistics.comparisons import holm_family
from bench.statistics.estimate import Estimate
from bench.statistics.judging import Judge, Judged
from bench.statistics.outcomes import pass_own_budget
from tests.proofs.conftest import Record, Size
from tests.proofs.table_worlds import always, bench_of, outcome_table

ISSUES, K = 150, 6


def _false(number: int, arms: int) -> tuple[bool, bool]:
    """Whether any difference from the first excludes 0, one at a time and by Holm."""
    world = outcome_table(1000 * arms + number, issues=ISSUES, arms=arms, attempts=1, spread=0.0)
    table = bench_of(world, np.random.default_rng([number, arms]), k=K * arms // 12)
    judge = Judge(table, np.zeros((ISSUES, 1)), pass_own_budget(table), "issue")
    first, *others = (Judged(judge, always(world, table, arm)) for arm in range(arms))
    pointwise = [judged.minus(first) for judged in others]
    adjusted = [difference.estimate for difference in holm_family(pointwise, ISSUES)]
    return _excludes(pointwise), _excludes(adjusted)


def _excludes(estimates: list[Estimate]) -> bool:
    return any(
        estimate.low is not None and estimate.high is not None and not estimate.low <= 0 <= estimate.high
        for estimate in estimates
    )


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("arms", [12, 24])
def test_null_benches_show_few_false_differences(arms: int, size: Size, record_property: Record) -> None:
    benches = size.worlds(thin=480 // arms, full=1000)
    pointwise, holm = np.array([_false(number, arms) for number in range(benches)]).mean(axis=0)
    most = 0.05 + 3 * float(np.sqrt(0.05 * 0.95 / benches))
    record_property("claim", f"{arms - 1} differences of null benches, {benches} benches")
    record_property("found", f"a false one: {pointwise:.1%} one at a time, {holm:.1%} by Holm")
    record_property("rule", f"Holm ≤ {most:.1%}, one at a time above")
    assert holm <= most < pointwise
