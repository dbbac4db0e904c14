"""What the farm measured over time, read from the report views."""

from datetime import date, datetime
from typing import NamedTuple

import sqlalchemy as sa

from db.rows import read_rows

_REPEATED = sa.text("""
    WITH runs AS MATERIALIZED (SELECT * FROM report.cell_runs WHERE recorded_at >= :since),
    repeated AS (
        SELECT cell FROM runs GROUP BY cell
        HAVING count(DISTINCT day) > 1 OR count(DISTINCT versions) > 1)
    SELECT cell, issue_id, versions, is_passed, recorded_at, day FROM runs JOIN repeated USING (cell)
    ORDER BY recorded_at, execution_id""")
_VERSIONS = sa.text("""
    SELECT toolchain, version, sum(scored)::bigint AS scored, sum(passed)::bigint AS passed,
           min(first_at) AS first_at, max(last_at) AS last_at
    FROM report.outcomes_by_version WHERE last_at >= :since
    GROUP BY toolchain, version ORDER BY toolchain, min(first_at), version""")
_GATES = sa.text("""
    SELECT repo, gate, sum(judged)::bigint AS judged, sum(rerun)::bigint AS rerun, sum(flaky)::bigint AS flaky
    FROM report.flaky_gates WHERE day >= :since GROUP BY repo, gate ORDER BY repo, gate""")


class CellRun(NamedTuple):
    """A scored run of a cell: one issue, workcell and action, whatever the bench."""

    cell: str
    issue_id: str
    versions: str | None
    """Of its toolchains, in words."""
    is_passed: bool
    recorded_at: datetime
    day: date


class VersionCount(NamedTuple):
    """Scored outcomes of one version of a toolchain."""

    toolchain: str
    version: str | None
    scored: int
    passed: int
    first_at: datetime
    last_at: datetime


class GateCount(NamedTuple):
    """Results of a gate: all, those that ran again after they failed, and those that then passed."""

    repo: str
    gate: str
    judged: int
    rerun: int
    flaky: int


class DriftCounts:
    """Read-only. `since` is a UTC midnight."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def repeated_cells(self, since: datetime) -> list[CellRun]:
        """The scored runs of cells that ran on several days or under several versions, oldest first."""
        return read_rows(self._engine, CellRun, _REPEATED, {"since": since})

    def versions(self, since: datetime) -> list[VersionCount]:
        """Outcomes by toolchain and version, of benches with an outcome at `since` or later."""
        return read_rows(self._engine, VersionCount, _VERSIONS, {"since": since})

    def gates(self, since: datetime) -> list[GateCount]:
        """How often gates were flaky, where failing ones are run again."""
        return read_rows(self._engine, GateCount, _GATES, {"since": since})
