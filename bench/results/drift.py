"""Drift of the farm: canary cells, versions, gates."""

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from bench.statistics.drift import CanaryRun, DriftComparison, Trend, by_day, by_version, rate, trend
from bench.statistics.estimate import Estimate
from db.repositories.drift import Drift

_UNKNOWN = "unknown"


class VersionOutcomes(NamedTuple):
    """What a version of a toolchain came to, on whatever issues it had."""

    toolchain: str
    version: str | None
    scored: int
    pass_rate: Estimate
    first_at: datetime
    last_at: datetime


class GateFlakiness(NamedTuple):
    """How often a gate gave two answers on the same files."""

    repo: str
    gate: str
    judged: int
    rerun: int
    flaky: int
    flaky_rate: Estimate
    """Of all that it judged; passes are not checked again, so this is the least."""
    false_alarm_rate: Estimate
    """Of its first failures."""


class DriftReport(NamedTuple):
    """See the module."""

    since: date
    cells: int
    """Canaries: cells that ran on several days or under several versions."""
    runs: int
    by_version: list[DriftComparison]
    by_day: list[DriftComparison]
    trend: Trend
    versions: list[VersionOutcomes]
    gates: list[GateFlakiness]


def read_drift(engine: sa.Engine, days: int, today: date) -> DriftReport:
    """The last `days` days (UTC) up to `today`."""
    first = today - timedelta(days=days - 1)
    since, drift = datetime.combine(first, time(), UTC), Drift(engine)
    runs = [
        CanaryRun(row["cell"], row["versions"] or _UNKNOWN, row["day"], row["is_passed"])
        for row in drift.repeated_cells(since)
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
                row["toolchain"],
                row["version"],
                row["scored"],
                rate("pass_own_budget", row["passed"], row["scored"]),
                row["first_at"],
                row["last_at"],
            )
            for row in drift.versions(since)
        ],
        gates=[
            GateFlakiness(
                **row,
                flaky_rate=rate("flaky results of a gate", row["flaky"], row["judged"]),
                false_alarm_rate=rate("first failures that were none", row["flaky"], row["rerun"]),
            )
            for row in drift.gates(since)
        ],
    )
