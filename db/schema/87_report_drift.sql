-- Whether the farm still measures what it measured: the same cells over time, by version, and gates that waver.

CREATE VIEW report.cell_runs AS
SELECT
    o.execution_id, o.bench_id, o.issue_id,
    md5(jsonb_build_array(
        o.issue_id, c.issue -> 'title', c.issue -> 'description', c.issue -> 'acceptance_criteria', c.workcell,
        a.planned, o.canonical_rank)::text) AS cell,
    c.workcell ->> 'base' AS base_commit,
    o.swarm_id, o.max_candidates_bin, o.max_minutes_bin, o.max_iterations_bin, o.canonical_rank,
    v.versions, o.is_passed, o.recorded_at, (o.recorded_at AT TIME ZONE 'UTC')::date AS day
FROM report.arm_outcomes o
JOIN farm.cases c ON c.case_id = o.case_id
JOIN farm.arms a ON a.arm_id = o.arm_id
CROSS JOIN LATERAL (
    SELECT string_agg(DISTINCT concat_ws(' ', r ->> 'toolchain', coalesce(r ->> 'toolchain_version', '?')), ', ')
        AS versions
    FROM farm.candidates k, jsonb_array_elements(k.document -> 'rounds') AS r
    WHERE k.execution_id = o.execution_id AND k.attempt = o.attempt) v
WHERE o.is_scored;

COMMENT ON VIEW report.cell_runs IS
    'One row a scored execution, with the cell it repeats: the same question, asked the same way.';
COMMENT ON COLUMN report.cell_runs.execution_id IS 'The execution.';
COMMENT ON COLUMN report.cell_runs.bench_id IS 'The bench or stream.';
COMMENT ON COLUMN report.cell_runs.issue_id IS 'The issue.';
COMMENT ON COLUMN report.cell_runs.cell IS
    'The same in all runs of one issue text, workcell (commit, gates, toolchains, limits) and action.';
COMMENT ON COLUMN report.cell_runs.base_commit IS 'The commit that it started from.';
COMMENT ON COLUMN report.cell_runs.swarm_id IS 'Action: topology, serial_handoff or speculate_vote.';
COMMENT ON COLUMN report.cell_runs.max_candidates_bin IS
    'Action: candidates; NA is the configured default.';
COMMENT ON COLUMN report.cell_runs.max_minutes_bin IS
    'Action: minutes a candidate; NA is the configured default.';
COMMENT ON COLUMN report.cell_runs.max_iterations_bin IS
    'Action: rounds a candidate; NA is the configured default.';
COMMENT ON COLUMN report.cell_runs.canonical_rank IS
    'Place of the action in the canonical order of all actions, from 0.';
COMMENT ON COLUMN report.cell_runs.versions IS
    'The toolchains that worked on it with their versions, ? where one reports none; NULL: none worked.';
COMMENT ON COLUMN report.cell_runs.is_passed IS 'Whether the status is success.';
COMMENT ON COLUMN report.cell_runs.recorded_at IS 'When its outcome was recorded.';
COMMENT ON COLUMN report.cell_runs.day IS 'The same as a day (UTC).';

CREATE VIEW report.daily_cells AS
SELECT
    day, cell, issue_id, base_commit, swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin, versions,
    'pass_own_budget' AS estimand,
    count(*) AS scored,
    count(*) FILTER (WHERE is_passed) AS passed,
    count(*) FILTER (WHERE is_passed)::double precision / count(*) AS pass_rate,
    array_agg(DISTINCT bench_id) AS bench_ids
FROM report.cell_runs
GROUP BY day, cell, issue_id, base_commit, swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin, versions;

COMMENT ON VIEW report.daily_cells IS
    'One row a day, cell and version: cells that recur over days are the canaries of drift.';
COMMENT ON COLUMN report.daily_cells.day IS 'Day (UTC) on which the outcomes were recorded.';
COMMENT ON COLUMN report.daily_cells.cell IS
    'The same in all runs of one issue text, workcell (commit, gates, toolchains, limits) and action.';
COMMENT ON COLUMN report.daily_cells.issue_id IS 'The issue.';
COMMENT ON COLUMN report.daily_cells.base_commit IS 'The commit that the runs started from.';
COMMENT ON COLUMN report.daily_cells.swarm_id IS 'Action: topology, serial_handoff or speculate_vote.';
COMMENT ON COLUMN report.daily_cells.max_candidates_bin IS
    'Action: candidates; NA is the configured default.';
COMMENT ON COLUMN report.daily_cells.max_minutes_bin IS
    'Action: minutes a candidate; NA is the configured default.';
COMMENT ON COLUMN report.daily_cells.max_iterations_bin IS
    'Action: rounds a candidate; NA is the configured default.';
COMMENT ON COLUMN report.daily_cells.versions IS
    'The toolchains that worked with their versions, ? where one reports none; NULL: none worked.';
COMMENT ON COLUMN report.daily_cells.estimand IS
    'What pass rate means here: pass_own_budget, the pass of an execution under its own budget.';
COMMENT ON COLUMN report.daily_cells.scored IS
    'Executions with status success, failed or timeout; without timeouts where the bench skips them.';
COMMENT ON COLUMN report.daily_cells.passed IS 'Executions with status success.';
COMMENT ON COLUMN report.daily_cells.pass_rate IS 'passed ÷ scored.';
COMMENT ON COLUMN report.daily_cells.bench_ids IS 'The benches and streams that ran it that day.';

CREATE VIEW report.outcomes_by_version AS
SELECT
    o.bench_id, r.toolchain, r.version, 'pass_own_budget' AS estimand,
    count(*) AS scored,
    count(*) FILTER (WHERE o.is_passed) AS passed,
    count(*) FILTER (WHERE o.is_passed)::double precision / count(*) AS pass_rate,
    min(o.recorded_at) AS first_at, max(o.recorded_at) AS last_at
FROM report.arm_outcomes o
CROSS JOIN LATERAL (
    SELECT DISTINCT r ->> 'toolchain' AS toolchain, r ->> 'toolchain_version' AS version
    FROM farm.candidates k, jsonb_array_elements(k.document -> 'rounds') AS r
    WHERE k.execution_id = o.execution_id AND k.attempt = o.attempt) r
WHERE o.is_scored
GROUP BY o.bench_id, r.toolchain, r.version;

COMMENT ON VIEW report.outcomes_by_version IS
    'One row a bench, toolchain and version. An execution that several worked on counts for each.';
COMMENT ON COLUMN report.outcomes_by_version.bench_id IS 'The bench or stream.';
COMMENT ON COLUMN report.outcomes_by_version.toolchain IS 'The toolchain.';
COMMENT ON COLUMN report.outcomes_by_version.version IS 'The version that it reports; NULL: it reports none.';
COMMENT ON COLUMN report.outcomes_by_version.estimand IS
    'What pass rate means here: pass_own_budget, the pass of an execution under its own budget.';
COMMENT ON COLUMN report.outcomes_by_version.scored IS
    'Executions with status success, failed or timeout; without timeouts where the bench skips them.';
COMMENT ON COLUMN report.outcomes_by_version.passed IS 'Executions with status success.';
COMMENT ON COLUMN report.outcomes_by_version.pass_rate IS 'passed ÷ scored.';
COMMENT ON COLUMN report.outcomes_by_version.first_at IS 'When the first of them was recorded.';
COMMENT ON COLUMN report.outcomes_by_version.last_at IS 'When the last of them was recorded.';

CREATE VIEW report.flaky_gates AS
SELECT
    c.bench_id, c.workcell ->> 'repo' AS repo, g ->> 'name' AS gate,
    (o.recorded_at AT TIME ZONE 'UTC')::date AS day,
    count(*) AS judged,
    count(*) FILTER (WHERE jsonb_array_length(g -> 'reruns') > 0) AS rerun,
    count(*) FILTER (WHERE g -> 'reruns' @> 'true') AS flaky,
    count(*) FILTER (WHERE g -> 'reruns' @> 'true')::double precision / count(*) AS flaky_rate,
    count(*) FILTER (WHERE g -> 'reruns' @> 'true')::double precision
        / nullif(count(*) FILTER (WHERE jsonb_array_length(g -> 'reruns') > 0), 0) AS false_alarm_rate
FROM farm.outcomes o
JOIN farm.executions e ON e.execution_id = o.execution_id AND e.arm_id IS NOT NULL
JOIN farm.cases c ON c.case_id = e.case_id
JOIN farm.candidates k ON k.execution_id = o.execution_id AND k.attempt = o.attempt,
jsonb_array_elements(k.document -> 'gates') AS g
WHERE (c.workcell ->> 'flaky_reruns')::int > 0
    AND (g ->> 'exit_code' IS NOT NULL OR jsonb_array_length(g -> 'reruns') > 0)
GROUP BY c.bench_id, c.workcell ->> 'repo', g ->> 'name', (o.recorded_at AT TIME ZONE 'UTC')::date;

COMMENT ON VIEW report.flaky_gates IS
    'One row a bench, repository, gate and day, where gates that fail are run again: how often they waver. A gate that passes at once is not run again, so these rates are the least there is.';
COMMENT ON COLUMN report.flaky_gates.bench_id IS 'The bench or stream.';
COMMENT ON COLUMN report.flaky_gates.repo IS 'The repository.';
COMMENT ON COLUMN report.flaky_gates.gate IS 'The gate.';
COMMENT ON COLUMN report.flaky_gates.day IS 'Day (UTC) on which the outcomes were recorded.';
COMMENT ON COLUMN report.flaky_gates.judged IS 'Candidates that the gate ran on, to the end or again.';
COMMENT ON COLUMN report.flaky_gates.rerun IS 'Those that failed at first and were judged again, unchanged.';
COMMENT ON COLUMN report.flaky_gates.flaky IS 'Those of them that then passed: both results on the same files.';
COMMENT ON COLUMN report.flaky_gates.flaky_rate IS 'flaky ÷ judged.';
COMMENT ON COLUMN report.flaky_gates.false_alarm_rate IS
    'flaky ÷ rerun: how many first failures were none; NULL where nothing was run again.';
