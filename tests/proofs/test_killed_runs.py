"""A dollar cap that kills dear runs: no number flatters the policy whose runs are killed."""

import numpy as np

from bench.statistics.intervals import linearised
from bench.statistics.judging import LINEARISED, RECOMMENDED, Judge, Judged
from bench.statistics.outcomes import pass_own_budget, pass_within_caps
from bench.statistics.table import Floats
from bench.statistics.value import BOUNDS, policy_values
from tests.proofs.conftest import Record, Size
from tests.proofs.table_worlds import OutcomeTable, always, bench_of, outcome_table

ISSUES, ARMS, K, CAP = 300, 12, 6, 1.0
WORLD = outcome_table(46, issues=500, arms=ARMS, attempts=1)
WITHIN: Floats = (WORLD.passed * (WORLD.usd <= CAP)).mean(axis=(0, 2))
"""(A,) pass rates where a killed run is a failure."""
FLATTERED = 4
"""Of its runs the cap kills 43 %, those on hard issues first; it passes 67.2 %, and is not the best."""


def _judge(number: int, world: OutcomeTable = WORLD) -> tuple[list[Judged], list[Judged]]:
    """Every arm of a bench, by the passes within its own budget, and within its cap."""
    table = bench_of(world, np.random.default_rng([number, 150]), k=K, issues=ISSUES, cap=CAP)
    features = np.zeros((len(table.cases), 1))
    judges = [
        Judge(table, features, outcome(table), "issue") for outcome in (pass_own_budget, pass_within_caps)
    ]
    policies = [always(world, table, arm) for arm in range(ARMS)]
    first, second = ([Judged(judge, policy) for policy in policies] for judge in judges)
    return first, second


def _row(number: int) -> Floats:
    """Whether the flattered arm led before; whether bounds lead and hold; whether each interval within caps holds."""
    own, within = _judge(number)
    before = [judged.estimates(LINEARISED, linearised)[RECOMMENDED.name].value for judged in own]
    points = np.array([np.nan if value is None else value for value in before])
    led = not np.isfinite(points[FLATTERED]) or points[FLATTERED] == np.nanmax(points)
    bounds, missing = own[FLATTERED].bounds(), own[FLATTERED].missing
    assert bounds.low is not None
    assert bounds.high is not None
    assert missing is not None
    truth = WORLD.values[FLATTERED]
    held = [
        estimate.low <= WITHIN[arm] <= estimate.high
        for arm, judged in enumerate(within)
        if (estimate := judged.estimates(LINEARISED, linearised)[RECOMMENDED.name]).low is not None
        and estimate.high is not None
    ]
    return np.array(
        [
            points[FLATTERED] - truth,
            led,
            missing.bounds_lead,
            bounds.low <= truth <= bounds.high,
            np.mean(held),
        ]
    )


def test_bounds_lead_and_a_kill_within_caps_is_a_failure(size: Size, record_property: Record) -> None:
    draws = size.worlds(thin=12, full=300)
    rows = np.array([_row(number) for number in range(draws)])
    flattery, led, bounds_lead, inside, held = np.nanmean(rows, axis=0)
    least, most = (0.935, 0.965) if size.full else (0.88, 1.0)
    record_property("claim", f"a cap kills dear runs: bounds and pass_within_caps, {draws} benches")
    record_property(
        "found",
        f"IPCW {flattery:+.1%} off and first in {led:.0%}; bounds lead {bounds_lead:.0%} and hold {inside:.1%}; "
        f"within caps {held:.1%} of {ARMS} arms",
    )
    record_property(
        "rule", f"IPCW off by 5 points or more; lead always, hold ≥ 95 %; {least:.1%} … {most:.1%}"
    )
    assert flattery > 0.05
    assert bounds_lead == 1
    assert inside >= 0.95
    assert least <= held <= most


def test_no_ranking_is_claimed_where_bounds_lead() -> None:
    table = bench_of(WORLD, np.random.default_rng(151), k=K, issues=ISSUES, cap=CAP)
    policies = {str(arm): always(WORLD, table, arm) for arm in (FLATTERED, *range(ARMS))}
    features = np.zeros((len(table.cases), 1))
    values = policy_values(
        table, policies, features, seed=1, group_by="issue", outcome=pass_own_budget(table)
    )
    leading = [value for value in values if value.own_missing is not None and value.own_missing.bounds_lead]
    assert {value.policy for value in leading} >= {str(FLATTERED)}
    for value in leading:
        assert (value.leading, value.recommended.value) == (BOUNDS, None)
        assert value.these_issues.value is None
    for value in values:
        assert value.difference is None or value.difference.value is None
    by_default = policy_values(table, policies, features, seed=1, group_by="issue")
    assert {value.recommended.estimand for value in by_default} == {"pass_within_caps"}
    assert all(value.leading == value.estimator for value in by_default)
