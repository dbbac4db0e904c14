"""Final results of streams that are to be written back to the sources of their issues, and those that were."""

import json
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from db.engine import transaction
from db.rows import read_rows

Json = dict[str, Any]
ReportMode = Literal["dry", "on"]

# The newest finished run of each issue, of streams whose config writes results back in this mode. A result is written
# once its landing is held or landed: what landed after the write was reported as needing a person, and is due again.
_DUE = sa.text("""
    SELECT c.case_id, c.bench_id, c.issue_id, coalesce(i.local_id, c.issue_id) AS local_id,
           c.state = 'invalid' AS is_invalid, v.winner_arm_id IS NOT NULL AS is_solved, i.source, i.document,
           a.swarm_id, a.max_candidates, a.max_minutes, a.max_iterations,
           x.execution_id, x.duration_ms, x.micro_usd, x.gates, w.written_at IS NOT NULL AS is_correction
    FROM (SELECT DISTINCT ON (c.issue_id) c.*
          FROM farm.cases c JOIN farm.benches b USING (bench_id)
          WHERE b.kind = 'stream' AND c.state IN ('finished', 'invalid')
          ORDER BY c.issue_id, c.finished_at DESC, c.case_id DESC) c
    JOIN farm.benches b USING (bench_id)
    JOIN farm.issues i USING (issue_id)
    JOIN farm.arms a USING (case_id)
    LEFT JOIN farm.verdicts v USING (case_id)
    LEFT JOIN farm.write_backs w USING (case_id)
    LEFT JOIN farm.landings l USING (case_id)
    LEFT JOIN LATERAL (
        SELECT e.execution_id, o.duration_ms, o.micro_usd, o.gates
        FROM farm.executions e JOIN farm.outcomes o USING (execution_id)
        WHERE e.arm_id = a.arm_id
        ORDER BY o.status <> 'success', e.replicate LIMIT 1) x ON true
    WHERE b.config #>> '{stream,report}' = :mode
      AND (w.written_at IS NULL OR (l.state = 'landed' AND l.updated_at > w.written_at))
    ORDER BY c.case_id""")
_BEGIN = sa.text("""
    INSERT INTO farm.write_backs (case_id, issue_id, target, document)
    VALUES (:case, :issue, :target, CAST(:document AS jsonb))
    ON CONFLICT (case_id) DO UPDATE SET target = EXCLUDED.target, document = EXCLUDED.document, begun_at = now()""")
# An import that was committed meanwhile is newer than what was read, and stays.
_KEEP = sa.text("""
    UPDATE farm.issues SET document = CAST(:after AS jsonb)
    WHERE issue_id = :issue AND document = CAST(:before AS jsonb)""")
_FINISH = sa.text("""
    INSERT INTO farm.write_backs (case_id, issue_id, target, written_at) VALUES (:case, :issue, :target, now())
    ON CONFLICT (case_id) DO UPDATE SET written_at = now()""")


class FinishedRunRow(NamedTuple):
    """The last finished run of an issue in a stream, with the issue as it is stored."""

    case_id: int
    bench_id: str
    issue_id: str
    local_id: str
    """The id that the issue has in its own repository."""
    is_invalid: bool
    is_solved: bool
    source: str
    document: Json
    swarm_id: str
    max_candidates: int | None
    max_minutes: int | None
    max_iterations: int | None
    execution_id: int | None
    duration_ms: int | None
    micro_usd: int | None
    gates: list[Json] | None
    is_correction: bool
    """Whether it was written as needing a person, and has landed since."""


class WriteBacks:
    """The outbox of results: an intent is stored before its write, so that a later import recognises the write."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def due(self, mode: ReportMode) -> list[FinishedRunRow]:
        """The last finished run of each issue whose result is not written, of streams with this `stream.report`."""
        return read_rows(self._engine, FinishedRunRow, _DUE, {"mode": mode})

    def begin(self, case_id: int, issue_id: str, target: str, document: Json) -> None:
        """Store that a result is about to be written, and the document that the issue has after it."""
        values = {"case": case_id, "issue": issue_id, "target": target, "document": _json(document)}
        with transaction(self._engine) as connection:
            connection.execute(_BEGIN, values)

    def finish(
        self,
        case_id: int,
        issue_id: str,
        target: str,
        *,
        before: Json | None = None,
        after: Json | None = None,
    ) -> None:
        """Store that a result is written, or needs no write.

        Where the stored issue is still `before`, it becomes `after` without counting as changed: the time of its
        import stays, so that it is not reopened.
        """
        with transaction(self._engine) as connection:
            if before is not None and after is not None:
                values = {"issue": issue_id, "before": _json(before), "after": _json(after)}
                connection.execute(_KEEP, values)
            connection.execute(_FINISH, {"case": case_id, "issue": issue_id, "target": target})


def _json(document: Json) -> str:
    return json.dumps(document, ensure_ascii=False)
