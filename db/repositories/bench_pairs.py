"""Arms that two benches share: the same action on the same issue of the same repository.

Only scored runs count. The first run of an arm that races decides whether it stays, so it is left out. Money is in
micro-dollars, times are in milliseconds.
"""

from typing import NamedTuple

import sqlalchemy as sa

from db.rows import read_rows

_SHARED = sa.text("""
    WITH runs AS (
        SELECT e.bench_id = :second AS is_second, c.case_id, c.issue_id, coalesce(c.workcell ->> 'repo', '') AS repo,
               c.workcell ->> 'base' AS base, a.canonical_rank, o.status, o.micro_usd,
               o.duration_ms - coalesce(o.provider_wait_ms, 0) AS work_ms
        FROM farm.executions e
        JOIN farm.cases c ON c.case_id = e.case_id
        JOIN farm.benches b ON b.bench_id = e.bench_id
        JOIN farm.arms a ON a.arm_id = e.arm_id
        JOIN farm.outcomes o ON o.execution_id = e.execution_id
        WHERE e.bench_id IN (:first, :second) AND o.status <> 'error' AND (b.race IS NULL OR e.replicate > 0)
          AND NOT (o.status = 'timeout'
                   AND b.config #>> '{execution_limits,timeout_behavior}' IS NOT DISTINCT FROM 'skip')),
    arms AS (
        SELECT is_second, repo, issue_id, canonical_rank, min(case_id) AS case_id, min(base) AS base,
               count(*) AS scored, count(*) FILTER (WHERE status = 'success') AS passed,
               CASE WHEN count(micro_usd) = count(*) THEN avg(micro_usd)::double precision END AS micro_usd,
               avg(work_ms)::double precision AS work_ms
        FROM runs GROUP BY 1, 2, 3, 4)
    SELECT x.repo, x.issue_id, x.canonical_rank, x.base IS NOT DISTINCT FROM y.base AS is_same_base,
           x.case_id AS first_case, x.scored AS first_scored, x.passed AS first_passed, x.micro_usd AS first_micro_usd,
           x.work_ms AS first_ms,
           y.case_id AS second_case, y.scored AS second_scored, y.passed AS second_passed,
           y.micro_usd AS second_micro_usd, y.work_ms AS second_ms
    FROM arms x JOIN arms y USING (repo, issue_id, canonical_rank)
    WHERE NOT x.is_second AND y.is_second ORDER BY x.issue_id, x.repo, x.canonical_rank""")


class SharedArm(NamedTuple):
    """One action on one issue, in both benches. A cost of None is unknown for a run at least."""

    repo: str
    issue_id: str
    canonical_rank: int
    is_same_base: bool
    """Whether both started from the same commit."""
    first_case: int
    first_scored: int
    first_passed: int
    first_micro_usd: float | None
    first_ms: float
    second_case: int
    second_scored: int
    second_passed: int
    second_micro_usd: float | None
    second_ms: float


def shared_arms(engine: sa.Engine, first: str, second: str) -> list[SharedArm]:
    """The arms of which both benches have a scored run, by issue and action."""
    return read_rows(engine, SharedArm, _SHARED, {"first": first, "second": second})
