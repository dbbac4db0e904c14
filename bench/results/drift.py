"""Drift tests of the farm on canary cells, with pass rates of toolchain versions and flakiness of gates."""

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from bench.statistics.drift import ALPHA, CanaryRun, DriftComparison, Trend, by_day, by_version, rate, trend
from bench.statistics.estimate import Estimate
from db.repositories.drift import DriftCounts

_UNKNOWN = "unknown"


class VersionOutcomes(NamedTuple):
    """The pass rate of a toolchain version, on the issues that it happened to run."""

    toolchain: str
    version: str | None
    scored: int
    pass_rate: Estimate
    first_at: datetime
    last_at: datetime


class GateFlakiness(NamedTuple):
    """Flakiness of a gate: how often it gave two results on the same files."""

    repo: str
    gate: str
    judged: int
    rerun: int
    flaky: int
    flaky_rate: Estimate
    """Of all its results; passes are not run again, so this is a lower bound."""
    false_alarm_rate: Estimate
    """Of its first failures."""


class DriftReport(NamedTuple):
    """The drift tests over a window of days, and the rates shown with them."""

    since: date
    cells: int
    """Canaries: cells that ran on several days or under several versions."""
    runs: int
    by_version: list[DriftComparison]
    by_day: list[DriftComparison]
    trend: Trend
    versions: list[VersionOutcomes]
    gates: list[GateFlakiness]


def worsened(report: DriftReport) -> list[str]:
    """A line for each significant regression."""
    return [
        f"{comparison.after} passes less often than {comparison.before}: odds × {comparison.odds_ratio.value:.2f}, "
        f"p = {comparison.adjusted_p:.2g}"
        for comparison in regressions(report)
    ]


def regressions(report: DriftReport) -> list[DriftComparison]:
    """The significant regressions: the same cells pass less often after a change, at level `ALPHA`."""
    return [
        comparison
        for comparison in [*report.by_version, *report.by_day]
        if comparison.adjusted_p is not None
        and comparison.adjusted_p < ALPHA
        and comparison.odds_ratio.value is not None
        and comparison.odds_ratio.value < 1
    ]


def is_judged(report: DriftReport) -> bool:
    """Whether any comparison had enough data for a test."""
    return any(comparison.adjusted_p is not None for comparison in [*report.by_version, *report.by_day])


def read_drift(engine: sa.Engine, days: int, today: date) -> DriftReport:
    """Run the drift tests over the last `days` days (UTC) up to and with `today`."""
    first = today - timedelta(days=days - 1)
    since, counts = datetime.combine(first, time(), UTC), DriftCounts(engine)
    runs = [
        CanaryRun(row.cell, row.versions or _UNKNOWN, row.day, row.is_passed)
        for row in counts.repeated_cells(since)
    ]
    return DriftReport(
        since=first,
        cells=len({run.cell for run in runs}),
        runs=len(runs),
        by_version=by_version(runs),
        by_day=by_day(runs),
        trend=trend(runs),
        versions=[
            VersionOutcomes(
                row.toolchain,
                row.version,
                row.scored,
                rate("pass_own_budget", row.passed, row.scored),
                row.first_at,
                row.last_at,
            )
            for row in counts.versions(since)
        ],
        gates=[
            GateFlakiness(
                *row,
                flaky_rate=rate("flaky results of a gate", row.flaky, row.judged),
                false_alarm_rate=rate("first failures that were none", row.flaky, row.rerun),
            )
            for row in counts.gates(since)
        ],
    )
