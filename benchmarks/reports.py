"""Every report view over many outcomes, against one sequential scan of them."""

import json
from collections.abc import Iterator

import psycopg
from psycopg.errors import QueryCanceled
from psycopg.sql import SQL, Composable, Identifier

from benchmarks.farm import BenchmarkFarm
from benchmarks.rows import ACTIONS
from benchmarks.table import Row, Scale

_ARMS, _BENCHES = 4, 10
_REPEATS = 2
_PATIENCE_SECONDS = 120

# Written as a farm writes it, but without asking every foreign key of rows that are made to fit.
_FILL = """
SET session_replication_role = replica; SET synchronous_commit = off; SET work_mem = '64MB';
CREATE TEMPORARY TABLE actions AS SELECT * FROM jsonb_to_recordset({actions})
    AS a (n int, swarm_id text, candidates int, minutes int, rank int);
INSERT INTO farm.benches (bench_id, config, config_hash, slice, seed, k, strategy, objective, tie_break,
                          state, finished_at)
SELECT 'bench-' || b, '{{"execution_limits": {{"timeout_behavior": "mark_timeout"}}}}', 'x', 'all', b, {arms},
       'coverage',
       (ARRAY['minimize_duration', 'minimize_cost', 'maximize_quality'])[1 + b % 3],
       ARRAY['lower_max_candidates', 'lower_max_minutes'], 'finished', now()
FROM generate_series(0, {benches} - 1) b;
INSERT INTO farm.caps (scope, bench_id, usd_limit) SELECT 'bench', bench_id, 1000000000 FROM farm.benches;
INSERT INTO farm.cases (case_id, bench_id, issue_id, issue, job_type, dk_risk, dk_size, dk_priority, planner_input,
                        input_hash, workcell, baseline_key, baseline, admission_rank, state, open_executions,
                        finished_at)
SELECT g, 'bench-' || g % {benches}, 'issue-' || g, '{{}}', 'code',
       (ARRAY['low', 'medium', 'high', 'critical'])[1 + g % 4], (ARRAY['XS', 'S', 'M', 'L', 'XL'])[1 + g % 5], 'P2',
       '{{}}', 'x', '{{}}', 'k', '[]', g, 'finished', 0, now()
FROM generate_series(0, {cases} - 1) g;
INSERT INTO farm.arms (arm_id, case_id, swarm_id, max_candidates, max_minutes, canonical_rank, strategy,
                       strategy_version, propensity, propensity_kind, stratum, is_baseline, is_executed, planned,
                       replicates)
SELECT g, g / {arms}, a.swarm_id, a.candidates, a.minutes, a.rank, 'coverage', 'coverage.1', 0.25, 'exact', 'rest',
       g % {arms} = 0, false, '{{"candidates": 2, "minutes": 30}}', 1
FROM generate_series(0, {n} - 1) g
JOIN actions a ON a.n = (g % {arms} + {arms} * (g / {arms} % 5)) % (SELECT count(*) FROM actions);
INSERT INTO farm.executions (execution_id, bench_id, case_id, arm_id, seed, queue, rank, worst_micro_usd, worst_ms,
                             deadline_seconds, state, attempt, started_at, finished_at)
SELECT g, 'bench-' || g / {arms} % {benches}, g / {arms}, g, g, 'command', g, 1000000, 3600000, 7200, 'done', 1,
       now() - interval '1 hour', now()
FROM generate_series(0, {n} - 1) g;
INSERT INTO farm.attempts (execution_id, attempt, lease_token, machine_id, claimed_at, ended_at, ending, micro_usd)
SELECT g, 1, gen_random_uuid(), 'machine-' || g % 20, now() - interval '1 hour', now(),
       CASE WHEN g % 50 = 0 THEN 'error' ELSE 'done' END, 1000
FROM generate_series(0, {n} - 1) g;
INSERT INTO farm.outcomes (execution_id, attempt, status, error_class, duration_ms, budget_ms, micro_usd,
                           charged_micro_usd, cost_source, fail_codes, gate_score, gates, executed_plan, chosen)
SELECT g, 1,
       (ARRAY['success', 'failed', 'success', 'timeout'])[1 + hashint8(g) % 4 * sign(hashint8(g) % 4)::int], NULL,
       1000 + abs(hashint8(g) % 900000), 60000, 1000 + abs(hashint8(g + 7) % 90000), 1000, 'priced', '{{}}',
       abs(hashint8(g) % 100) / 100.0,
       '[{{"name": "test", "passed": true, "required": true, "exit_code": 0, "duration_ms": 812, "score": 1.0}}]',
       '{{"swarm_id_executed": "speculate_vote", "max_candidates_executed": 2, "timeout_seconds_executed": 1800}}', 0
FROM generate_series(0, {n} - 1) g;
INSERT INTO farm.verdicts (case_id, winner_arm_id, objective, winner_value, tie_size, weights)
SELECT case_id, case_id * {arms}, 'minimize_duration', 1000, 1, '{{}}' FROM farm.cases;
RESET ALL; VACUUM ANALYZE
"""


def rows(farm: BenchmarkFarm, scale: Scale) -> Iterator[Row]:
    """One row a view, the slowest first."""
    with psycopg.connect(farm.database_url, autocommit=True) as connection:
        fill(connection, scale.outcomes)
        scan = _milliseconds(connection, SQL("SELECT sum(duration_ms) FROM farm.outcomes")) or 0.0
        taken = {view: _milliseconds(connection, _whole(view)) for view in _views(connection)}
    for view, ms in sorted(taken.items(), key=lambda item: -(item[1] or float("inf"))):
        yield Row(
            f"report.{view} over {scale.outcomes:,} outcomes",
            f"more than {_PATIENCE_SECONDS} s" if ms is None else f"{ms / 1000:.2f} s",
            f"one sequential scan that adds up a column: {scan / 1000:.3f} s (best of {_REPEATS})",
            "–" if ms is None else f"{ms / scan:.1f}×",
        )


def _whole(view: str) -> Composable:
    return SQL("SELECT * FROM report.{}").format(Identifier(view))


def fill(connection: psycopg.Connection, outcomes: int) -> None:
    """Write finished benches with this many outcomes."""
    actions = [
        {
            "n": place,
            "swarm_id": action.swarm_id,
            "candidates": _number(action.max_candidates_bin),
            "minutes": _number(action.max_minutes_bin),
            "rank": place,
        }
        for place, action in enumerate(ACTIONS)
    ]
    script = _FILL.format(
        actions=f"'{json.dumps(actions)}'", arms=_ARMS, benches=_BENCHES, cases=outcomes // _ARMS, n=outcomes
    )
    for statement in script.split(";"):
        connection.execute(statement.encode())


def _number(value: int | str) -> int | None:
    return value if isinstance(value, int) else None


def _views(connection: psycopg.Connection) -> list[str]:
    found = connection.execute("SELECT viewname FROM pg_views WHERE schemaname = 'report' ORDER BY viewname")
    return [row[0] for row in found]


def _milliseconds(connection: psycopg.Connection, query: Composable) -> float | None:
    """Execution time on the server, every row and column made and none sent; None past the patience."""
    connection.execute(SQL("SET statement_timeout = {}").format(_PATIENCE_SECONDS * 1000))
    times = []
    try:
        for _ in range(_REPEATS):
            explained = SQL("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {}").format(query)
            row = connection.execute(explained).fetchone()
            times.append(float(row[0][0]["Execution Time"]) if row else 0.0)
            if times[0] > 5000:
                break
    except QueryCanceled:
        return None
    return min(times)
