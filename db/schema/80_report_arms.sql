-- The outcome of every execution and every arm. Means are integers, rounded half up: (2 · sum + n) div (2 · n).

CREATE VIEW report.arm_outcomes AS
SELECT
    e.execution_id, e.bench_id, e.case_id, c.issue_id, e.arm_id, e.replicate, b.slice,
    c.job_type, c.dk_risk, c.dk_size, c.dk_priority,
    a.swarm_id,
    coalesce(a.max_candidates::text, 'NA') AS max_candidates_bin,
    coalesce(a.max_minutes::text, 'NA') AS max_minutes_bin,
    coalesce(a.max_iterations::text, 'NA') AS max_iterations_bin,
    a.canonical_rank, a.is_baseline, a.is_executed,
    a.strategy, a.strategy_version, a.stratum, a.propensity, a.propensity_kind,
    e.state, e.seed, o.attempt, o.status, o.error_class, o.message,
    o.status <> 'error' AND NOT (o.status = 'timeout'
        AND b.config #>> '{execution_limits,timeout_behavior}' IS NOT DISTINCT FROM 'skip') AS is_scored,
    o.status = 'success' AS is_passed,
    o.duration_ms, o.provider_wait_ms, o.budget_ms,
    o.micro_usd, o.micro_usd / 1000000.0 AS usd,
    o.charged_micro_usd, o.charged_micro_usd / 1000000.0 AS charged_usd, o.overrun_micro_usd, o.cost_source,
    o.fail_codes, o.gate_score, o.chosen,
    (SELECT min(d.document ->> 'sandbox') FROM farm.candidates d
     WHERE d.execution_id = o.execution_id AND d.attempt = o.attempt) AS sandbox,
    e.started_at, e.finished_at, o.recorded_at,
    (SELECT coalesce(sum(s.spent_micro_usd), 0)::bigint FROM report.attempt_spend s
     WHERE s.execution_id = e.execution_id) AS spent_micro_usd
FROM farm.executions e
JOIN farm.arms a ON a.arm_id = e.arm_id
JOIN farm.cases c ON c.case_id = e.case_id
JOIN farm.benches b ON b.bench_id = e.bench_id
LEFT JOIN farm.outcomes o ON o.execution_id = e.execution_id;

COMMENT ON VIEW report.arm_outcomes IS
    'One row an execution of an arm: the action, the shape of the issue, and the outcome. NULL outcome columns: it has none (yet).';
COMMENT ON COLUMN report.arm_outcomes.execution_id IS 'The execution: one replicate of the arm.';
COMMENT ON COLUMN report.arm_outcomes.bench_id IS 'The bench.';
COMMENT ON COLUMN report.arm_outcomes.case_id IS 'The case: one issue in one bench.';
COMMENT ON COLUMN report.arm_outcomes.issue_id IS 'The issue of the case.';
COMMENT ON COLUMN report.arm_outcomes.arm_id IS 'The arm: one action tried in the case.';
COMMENT ON COLUMN report.arm_outcomes.replicate IS 'Number of the replicate within its arm, from 0.';
COMMENT ON COLUMN report.arm_outcomes.slice IS 'The named slice the bench was submitted with.';
COMMENT ON COLUMN report.arm_outcomes.job_type IS 'Issue shape: code, fab-asset or fab-world.';
COMMENT ON COLUMN report.arm_outcomes.dk_risk IS 'Issue shape: risk.';
COMMENT ON COLUMN report.arm_outcomes.dk_size IS 'Issue shape: size.';
COMMENT ON COLUMN report.arm_outcomes.dk_priority IS 'Issue shape: priority.';
COMMENT ON COLUMN report.arm_outcomes.swarm_id IS
    'Action: topology, serial_handoff or speculate_vote.';
COMMENT ON COLUMN report.arm_outcomes.max_candidates_bin IS
    'Action: candidates; NA is the configured default.';
COMMENT ON COLUMN report.arm_outcomes.max_minutes_bin IS
    'Action: minutes a candidate; NA is the configured default.';
COMMENT ON COLUMN report.arm_outcomes.max_iterations_bin IS
    'Action: rounds a candidate; NA is the configured default.';
COMMENT ON COLUMN report.arm_outcomes.canonical_rank IS
    'Place of the action in the canonical order of all actions, from 0.';
COMMENT ON COLUMN report.arm_outcomes.is_baseline IS
    'Whether the arm is the action of the heuristic baseline.';
COMMENT ON COLUMN report.arm_outcomes.is_executed IS
    'Whether the arm is the action the issue was last executed with before the bench.';
COMMENT ON COLUMN report.arm_outcomes.strategy IS 'Sampling strategy that picked the arms.';
COMMENT ON COLUMN report.arm_outcomes.strategy_version IS 'Version of the sampling strategy.';
COMMENT ON COLUMN report.arm_outcomes.stratum IS
    'Stratum of the sampling that the action was drawn from.';
COMMENT ON COLUMN report.arm_outcomes.propensity IS
    'Probability, set before anything ran, that the action is among the arms of the case.';
COMMENT ON COLUMN report.arm_outcomes.propensity_kind IS
    'exact, estimated, or deterministic: then not eligible for off-policy estimates.';
COMMENT ON COLUMN report.arm_outcomes.state IS
    'State of the execution: pending, ready, running, done, error, cancelled or skipped.';
COMMENT ON COLUMN report.arm_outcomes.seed IS 'Seed that the execution runs with.';
COMMENT ON COLUMN report.arm_outcomes.attempt IS 'The attempt that the outcome is of.';
COMMENT ON COLUMN report.arm_outcomes.status IS
    'success, failed or timeout; or error, which is no label.';
COMMENT ON COLUMN report.arm_outcomes.error_class IS
    'Why it is an error: infra, provider, killed_by_cap, lost or invalid_issue.';
COMMENT ON COLUMN report.arm_outcomes.message IS 'One line of what happened.';
COMMENT ON COLUMN report.arm_outcomes.is_scored IS
    'Whether the outcome is evidence about the arm: no error, and no timeout where the bench skips timeouts.';
COMMENT ON COLUMN report.arm_outcomes.is_passed IS 'Whether the status is success.';
COMMENT ON COLUMN report.arm_outcomes.duration_ms IS 'Wall clock of the execution in milliseconds.';
COMMENT ON COLUMN report.arm_outcomes.provider_wait_ms IS
    'Milliseconds of the duration that it waited for a provider that failed, was overloaded or limited the rate.';
COMMENT ON COLUMN report.arm_outcomes.budget_ms IS
    'Worker time that counts against the minutes caps, in milliseconds of planned minutes.';
COMMENT ON COLUMN report.arm_outcomes.micro_usd IS 'What it cost in micro-dollars; NULL: unknown.';
COMMENT ON COLUMN report.arm_outcomes.usd IS 'The same in dollars.';
COMMENT ON COLUMN report.arm_outcomes.charged_micro_usd IS
    'Micro-dollars charged; an unknown cost is charged at its reservation.';
COMMENT ON COLUMN report.arm_outcomes.charged_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.arm_outcomes.overrun_micro_usd IS
    'Micro-dollars spent beyond the reservation; never part of what was charged.';
COMMENT ON COLUMN report.arm_outcomes.cost_source IS
    'Where the cost is from: metered call by call, reported by the program, priced from its tokens, or unknown.';
COMMENT ON COLUMN report.arm_outcomes.fail_codes IS 'Fail codes of its gates.';
COMMENT ON COLUMN report.arm_outcomes.gate_score IS
    'Mean score of its gates, 0 to 1; NULL where the gates report none.';
COMMENT ON COLUMN report.arm_outcomes.chosen IS
    'Index of the candidate that won the vote; NULL where none was chosen.';
COMMENT ON COLUMN report.arm_outcomes.sandbox IS
    'Sandbox that its programs ran in: bwrap, unshare, none or group; NULL where none ran.';
COMMENT ON COLUMN report.arm_outcomes.started_at IS 'When its last attempt was claimed.';
COMMENT ON COLUMN report.arm_outcomes.finished_at IS 'When it was over.';
COMMENT ON COLUMN report.arm_outcomes.recorded_at IS 'When its outcome was recorded.';
COMMENT ON COLUMN report.arm_outcomes.spent_micro_usd IS
    'Micro-dollars spent on all its attempts: see report.attempt_spend.';

CREATE VIEW report.arm_estimates AS
WITH summed AS (
    SELECT
        -- Grouped by bench too: a question about one bench then looks at that bench alone.
        e.bench_id, e.arm_id,
        count(*) AS outcomes,
        array_agg(e.execution_id ORDER BY e.replicate, e.execution_id) AS execution_ids,
        count(*) FILTER (WHERE o.status <> 'error') AS scored,
        count(*) FILTER (WHERE o.status = 'timeout') AS timeouts,
        count(*) FILTER (WHERE o.status = 'success') AS passed,
        count(o.micro_usd) FILTER (WHERE o.status = 'success') AS priced,
        count(o.gate_score) FILTER (WHERE o.status = 'success') AS graded,
        sum(o.duration_ms) FILTER (WHERE o.status = 'success') AS duration_ms,
        sum(o.provider_wait_ms) FILTER (WHERE o.status = 'success') AS wait_ms,
        sum(o.micro_usd) FILTER (WHERE o.status = 'success') AS micro_usd,
        sum(1000000 * cardinality(o.fail_codes)::bigint) FILTER (WHERE o.status = 'success') AS fail_codes,
        sum(floor(o.gate_score * 1000000 + 0.5)::bigint) FILTER (WHERE o.status = 'success') AS score,
        sum(o.charged_micro_usd) FILTER (WHERE o.status <> 'error') AS charged,
        sum(o.charged_micro_usd) FILTER (WHERE o.status = 'timeout') AS timeouts_charged
    FROM farm.outcomes o
    JOIN farm.executions e USING (execution_id)
    WHERE e.arm_id IS NOT NULL
    GROUP BY e.bench_id, e.arm_id
), spending AS (
    -- Of every attempt: also of executions that have no outcome (yet).
    SELECT e.bench_id, e.arm_id, sum(s.spent_micro_usd)::bigint AS spent_micro_usd
    FROM farm.executions e JOIN report.attempt_spend s USING (execution_id)
    WHERE e.arm_id IS NOT NULL
    GROUP BY e.bench_id, e.arm_id
), counted AS (
    SELECT
        c.bench_id, c.case_id, c.issue_id, a.arm_id, c.job_type, c.dk_risk, c.dk_size, c.dk_priority,
        a.swarm_id,
    coalesce(a.max_candidates::text, 'NA') AS max_candidates_bin,
    coalesce(a.max_minutes::text, 'NA') AS max_minutes_bin,
    coalesce(a.max_iterations::text, 'NA') AS max_iterations_bin,
        a.canonical_rank, a.is_baseline, a.propensity, a.replicates,
        coalesce(t.outcomes, 0) AS outcomes, coalesce(t.execution_ids, '{}') AS execution_ids,
        coalesce(t.scored - CASE WHEN s.skips THEN t.timeouts ELSE 0 END, 0) AS scored,
        t.charged - CASE WHEN s.skips THEN coalesce(t.timeouts_charged, 0) ELSE 0 END AS charged,
        coalesce(t.passed, 0) AS passed,
        div(2 * t.duration_ms + nullif(t.passed, 0), 2 * nullif(t.passed, 0))::bigint AS duration_ms,
        div(2 * t.wait_ms + nullif(t.passed, 0), 2 * nullif(t.passed, 0))::bigint AS provider_wait_ms,
        div(2 * (t.duration_ms - t.wait_ms) + nullif(t.passed, 0), 2 * nullif(t.passed, 0))::bigint AS work_ms,
        CASE WHEN t.priced = t.passed
             THEN div(2 * t.micro_usd + nullif(t.passed, 0), 2 * nullif(t.passed, 0))::bigint END AS micro_usd,
        div(2 * t.fail_codes + nullif(t.passed, 0), 2 * nullif(t.passed, 0))::bigint AS fail_code_millionths,
        CASE WHEN t.graded = t.passed
             THEN div(2 * t.score + nullif(t.passed, 0), 2 * nullif(t.passed, 0))::bigint END AS score_millionths,
        coalesce(m.spent_micro_usd, 0) AS spent_micro_usd
    FROM farm.arms a
    JOIN farm.cases c USING (case_id)
    JOIN farm.benches b USING (bench_id)
    CROSS JOIN LATERAL (
        SELECT b.config #>> '{execution_limits,timeout_behavior}' IS NOT DISTINCT FROM 'skip' AS skips) s
    LEFT JOIN summed t ON t.arm_id = a.arm_id AND t.bench_id = c.bench_id
    LEFT JOIN spending m ON m.arm_id = a.arm_id AND m.bench_id = c.bench_id
    WHERE b.kind = 'bench'
)
SELECT
    bench_id, case_id, issue_id, arm_id, job_type, dk_risk, dk_size, dk_priority,
    swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin, canonical_rank, is_baseline, propensity,
    'pass_own_budget' AS estimand,
    replicates, outcomes, scored, passed, duration_ms, provider_wait_ms, work_ms, micro_usd, fail_code_millionths, score_millionths,
    scored > 0 AS observed,
    2 * passed > scored AS passes,
    coalesce((2 * 1000000 * passed + scored) / nullif(2 * scored, 0), 0) AS pass_millionths,
    micro_usd / 1000000.0 AS usd,
    div(2 * charged + nullif(scored, 0), 2 * nullif(scored, 0))::bigint AS charged_micro_usd,
    spent_micro_usd,
    div(2 * spent_micro_usd::numeric + passed, 2 * nullif(passed, 0))::bigint AS cost_per_pass_micro_usd,
    execution_ids
FROM counted;

COMMENT ON VIEW report.arm_estimates IS
    'One row an arm: the counts and means of its executions. Means are over the passed executions.';
COMMENT ON COLUMN report.arm_estimates.bench_id IS 'The bench.';
COMMENT ON COLUMN report.arm_estimates.case_id IS 'The case: one issue in one bench.';
COMMENT ON COLUMN report.arm_estimates.issue_id IS 'The issue of the case.';
COMMENT ON COLUMN report.arm_estimates.arm_id IS 'The arm: one action tried in the case.';
COMMENT ON COLUMN report.arm_estimates.job_type IS 'Issue shape: code, fab-asset or fab-world.';
COMMENT ON COLUMN report.arm_estimates.dk_risk IS 'Issue shape: risk.';
COMMENT ON COLUMN report.arm_estimates.dk_size IS 'Issue shape: size.';
COMMENT ON COLUMN report.arm_estimates.dk_priority IS 'Issue shape: priority.';
COMMENT ON COLUMN report.arm_estimates.swarm_id IS
    'Action: topology, serial_handoff or speculate_vote.';
COMMENT ON COLUMN report.arm_estimates.max_candidates_bin IS
    'Action: candidates; NA is the configured default.';
COMMENT ON COLUMN report.arm_estimates.max_minutes_bin IS
    'Action: minutes a candidate; NA is the configured default.';
COMMENT ON COLUMN report.arm_estimates.max_iterations_bin IS
    'Action: rounds a candidate; NA is the configured default.';
COMMENT ON COLUMN report.arm_estimates.canonical_rank IS
    'Place of the action in the canonical order of all actions, from 0.';
COMMENT ON COLUMN report.arm_estimates.is_baseline IS
    'Whether the arm is the action of the heuristic baseline.';
COMMENT ON COLUMN report.arm_estimates.propensity IS
    'Probability, set before anything ran, that the action is among the arms of the case.';
COMMENT ON COLUMN report.arm_estimates.estimand IS
    'What passing means here: pass_own_budget, the pass of an execution under its own budget.';
COMMENT ON COLUMN report.arm_estimates.replicates IS 'Executions that the arm was given.';
COMMENT ON COLUMN report.arm_estimates.outcomes IS
    'Executions of the arm with an outcome, errors included.';
COMMENT ON COLUMN report.arm_estimates.scored IS
    'Executions with status success, failed or timeout; without timeouts where the bench skips them.';
COMMENT ON COLUMN report.arm_estimates.passed IS 'Executions with status success.';
COMMENT ON COLUMN report.arm_estimates.duration_ms IS
    'Mean duration of the passed executions in milliseconds, rounded half up; NULL where none passed.';
COMMENT ON COLUMN report.arm_estimates.provider_wait_ms IS
    'The part of it that they waited for a provider: mean milliseconds, rounded half up.';
COMMENT ON COLUMN report.arm_estimates.work_ms IS
    'Mean duration without these waits, rounded half up: what minimize_duration compares.';
COMMENT ON COLUMN report.arm_estimates.micro_usd IS
    'Mean cost of the passed executions in micro-dollars, rounded half up; NULL where any of them is unknown.';
COMMENT ON COLUMN report.arm_estimates.fail_code_millionths IS
    'Mean number of fail codes of the passed executions, in millionths, rounded half up.';
COMMENT ON COLUMN report.arm_estimates.score_millionths IS
    'Mean gate score of the passed executions, in millionths, rounded half up; NULL where any has none.';
COMMENT ON COLUMN report.arm_estimates.observed IS
    'Whether at least one replicate of the arm was scored.';
COMMENT ON COLUMN report.arm_estimates.passes IS
    'Whether more than half of the scored executions passed.';
COMMENT ON COLUMN report.arm_estimates.pass_millionths IS
    'passed ÷ scored in millionths, rounded half up; 0 where nothing was scored.';
COMMENT ON COLUMN report.arm_estimates.usd IS 'micro_usd in dollars.';
COMMENT ON COLUMN report.arm_estimates.charged_micro_usd IS
    'Mean charge of the scored executions in micro-dollars, passed or not, rounded half up.';
COMMENT ON COLUMN report.arm_estimates.spent_micro_usd IS
    'Micro-dollars spent on the arm: all attempts of all its executions, see report.attempt_spend.';
COMMENT ON COLUMN report.arm_estimates.cost_per_pass_micro_usd IS
    'spent_micro_usd ÷ passed, rounded half up; NULL without a pass.';
COMMENT ON COLUMN report.arm_estimates.execution_ids IS
    'Its executions with an outcome, by replicate; `bench show x<id>` shows one.';
