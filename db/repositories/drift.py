"""What the farm measured over time, as the report views have it."""

from typing import Any

import sqlalchemy as sa

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


class Drift:
    """Read-only. `since` is a UTC midnight."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def repeated_cells(self, since: Any) -> list[dict[str, Any]]:
        """The scored runs of cells that ran on several days or under several versions, oldest first."""
        return self._rows(_REPEATED, since)

    def versions(self, since: Any) -> list[dict[str, Any]]:
        """Outcomes by toolchain and version, of benches that went on until `since` or later."""
        return self._rows(_VERSIONS, since)

    def gates(self, since: Any) -> list[dict[str, Any]]:
        """How often gates wavered, where failing ones are run again."""
        return self._rows(_GATES, since)

    def _rows(self, statement: sa.TextClause, since: Any) -> list[dict[str, Any]]:
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(statement, {"since": since}).mappings()]
