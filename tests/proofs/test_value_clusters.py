"""Issues are the clusters: resampling rows claims more than the data hold."""

import numpy as np

from bench.statistics.estimators import HAJEK, Log, terms
from bench.statistics.intervals import resampled
from bench.statistics.logs import bench_log
from tests.proofs.conftest import Record, Size
from tests.proofs.value_worlds import draw, make_world

ISSUES = 60


def by_rows(log: Log) -> Log:
    """Wrong on purpose: every arm is its own cluster."""
    rows = np.arange(len(log.arm_case))
    return log._replace(arm_case=rows, case_issue=rows)


def test_resampled_rows_under_cover_where_resampled_issues_do_not(
    size: Size, record_property: Record
) -> None:
    worlds = size.worlds(thin=25, full=1000)
    allowed = 3 * float(np.sqrt(0.95 * 0.05 / worlds))
    held = np.zeros(2)
    for number in range(worlds):
        world = make_world(number, shift=0.45, greed=0.0)
        world = world._replace(rates=np.full_like(world.rates, 0.5))
        drawn = draw(world, np.random.default_rng([number, 5]), ISSUES, arms=5, benches=2)
        log = bench_log(drawn.table, drawn.policy(world.policy), drawn.table.passed)
        for place, one in enumerate((log, by_rows(log))):
            low, high = resampled(terms(HAJEK, one), seed=2)
            held[place] += low <= world.truth <= high
    issues, rows = held / worlds
    record_property("claim", f"issues are resampled, not rows, {worlds} worlds of two benches an issue")
    record_property("found", f"issues {issues:.1%}, rows {rows:.1%}")
    record_property("rule", f"issues 95 ± {100 * allowed:.1f} %, rows below that")
    assert abs(issues - 0.95) <= allowed
    assert rows < 0.95 - allowed
