-- Pass rate, cost per pass and mean time to pass, grouped four ways. Counts add up over rows; rates do not.

CREATE VIEW report.pass_rate_by_action AS
SELECT
    bench_id, swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin, 'pass_own_budget' AS estimand,
    count(status) AS executions,
    count(*) FILTER (WHERE is_scored) AS scored,
    count(*) FILTER (WHERE is_passed) AS passed,
    count(*) FILTER (WHERE status = 'timeout') AS timeouts,
    count(*) FILTER (WHERE status = 'error') AS errors,
    count(status) FILTER (WHERE micro_usd IS NULL) AS unknown_costs,
    count(*) FILTER (WHERE is_passed)::double precision / nullif(count(*) FILTER (WHERE is_scored), 0) AS pass_rate,
    sum(charged_micro_usd)::bigint AS charged_micro_usd,
    sum(charged_micro_usd) / 1000000.0 AS charged_usd,
    sum(spent_micro_usd)::bigint AS spent_micro_usd,
    sum(spent_micro_usd) / 1000000.0 AS spent_usd,
    div(2 * sum(spent_micro_usd) + count(*) FILTER (WHERE is_passed),
        nullif(2 * count(*) FILTER (WHERE is_passed), 0))::bigint AS cost_per_pass_micro_usd,
    sum(spent_micro_usd) / (1000000.0 * nullif(count(*) FILTER (WHERE is_passed), 0)) AS cost_per_pass_usd,
    div(2 * sum(duration_ms) FILTER (WHERE is_passed) + count(*) FILTER (WHERE is_passed),
        nullif(2 * count(*) FILTER (WHERE is_passed), 0))::bigint AS mean_time_to_pass_ms,
    div(2 * sum(provider_wait_ms) FILTER (WHERE is_passed) + count(*) FILTER (WHERE is_passed),
        nullif(2 * count(*) FILTER (WHERE is_passed), 0))::bigint AS mean_provider_wait_ms
FROM report.arm_outcomes
GROUP BY bench_id, swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin
HAVING count(status) > 0;

COMMENT ON VIEW report.pass_rate_by_action IS
    'One row a bench and action: pass rate, cost per pass and mean time to pass of the executions that are over.';
COMMENT ON COLUMN report.pass_rate_by_action.bench_id IS 'The bench.';
COMMENT ON COLUMN report.pass_rate_by_action.swarm_id IS
    'Action: topology, serial_handoff or speculate_vote.';
COMMENT ON COLUMN report.pass_rate_by_action.max_candidates_bin IS
    'Action: candidates; NA is the configured default.';
COMMENT ON COLUMN report.pass_rate_by_action.max_minutes_bin IS
    'Action: minutes a candidate; NA is the configured default.';
COMMENT ON COLUMN report.pass_rate_by_action.max_iterations_bin IS
    'Action: rounds a candidate; NA is the configured default.';
COMMENT ON COLUMN report.pass_rate_by_action.estimand IS
    'What pass rate means here: pass_own_budget, the pass of an execution under its own budget.';
COMMENT ON COLUMN report.pass_rate_by_action.executions IS
    'Executions with an outcome, errors included.';
COMMENT ON COLUMN report.pass_rate_by_action.scored IS
    'Executions with status success, failed or timeout; without timeouts where the bench skips them.';
COMMENT ON COLUMN report.pass_rate_by_action.passed IS 'Executions with status success.';
COMMENT ON COLUMN report.pass_rate_by_action.timeouts IS 'Executions that ran into their own budget.';
COMMENT ON COLUMN report.pass_rate_by_action.errors IS
    'Executions that ended as error: counted here, never scored.';
COMMENT ON COLUMN report.pass_rate_by_action.unknown_costs IS
    'Executions whose cost nobody reported; they are charged at their reservation.';
COMMENT ON COLUMN report.pass_rate_by_action.pass_rate IS
    'passed ÷ scored; NULL where nothing was scored.';
COMMENT ON COLUMN report.pass_rate_by_action.charged_micro_usd IS
    'Micro-dollars charged for the last attempts; an unknown cost is charged at its reservation.';
COMMENT ON COLUMN report.pass_rate_by_action.charged_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_action.spent_micro_usd IS
    'Micro-dollars spent on all attempts of all executions, lost, retried and cancelled ones included: see report.attempt_spend.';
COMMENT ON COLUMN report.pass_rate_by_action.spent_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_action.cost_per_pass_micro_usd IS
    'spent_micro_usd ÷ passed, in micro-dollars, rounded half up; NULL without a pass.';
COMMENT ON COLUMN report.pass_rate_by_action.cost_per_pass_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_action.mean_time_to_pass_ms IS
    'Mean duration of the passed executions in milliseconds, rounded half up.';
COMMENT ON COLUMN report.pass_rate_by_action.mean_provider_wait_ms IS
    'The part of it that they waited for a provider, rounded half up.';

CREATE VIEW report.pass_rate_by_slice AS
SELECT
    bench_id, slice, 'pass_own_budget' AS estimand,
    count(status) AS executions,
    count(*) FILTER (WHERE is_scored) AS scored,
    count(*) FILTER (WHERE is_passed) AS passed,
    count(*) FILTER (WHERE status = 'timeout') AS timeouts,
    count(*) FILTER (WHERE status = 'error') AS errors,
    count(status) FILTER (WHERE micro_usd IS NULL) AS unknown_costs,
    count(*) FILTER (WHERE is_passed)::double precision / nullif(count(*) FILTER (WHERE is_scored), 0) AS pass_rate,
    sum(charged_micro_usd)::bigint AS charged_micro_usd,
    sum(charged_micro_usd) / 1000000.0 AS charged_usd,
    sum(spent_micro_usd)::bigint AS spent_micro_usd,
    sum(spent_micro_usd) / 1000000.0 AS spent_usd,
    div(2 * sum(spent_micro_usd) + count(*) FILTER (WHERE is_passed),
        nullif(2 * count(*) FILTER (WHERE is_passed), 0))::bigint AS cost_per_pass_micro_usd,
    sum(spent_micro_usd) / (1000000.0 * nullif(count(*) FILTER (WHERE is_passed), 0)) AS cost_per_pass_usd,
    div(2 * sum(duration_ms) FILTER (WHERE is_passed) + count(*) FILTER (WHERE is_passed),
        nullif(2 * count(*) FILTER (WHERE is_passed), 0))::bigint AS mean_time_to_pass_ms,
    div(2 * sum(provider_wait_ms) FILTER (WHERE is_passed) + count(*) FILTER (WHERE is_passed),
        nullif(2 * count(*) FILTER (WHERE is_passed), 0))::bigint AS mean_provider_wait_ms
FROM report.arm_outcomes
GROUP BY bench_id, slice
HAVING count(status) > 0;

COMMENT ON VIEW report.pass_rate_by_slice IS
    'One row a bench and slice: pass rate, cost per pass and mean time to pass of the executions that are over.';
COMMENT ON COLUMN report.pass_rate_by_slice.bench_id IS 'The bench.';
COMMENT ON COLUMN report.pass_rate_by_slice.slice IS 'The named slice the bench was submitted with.';
COMMENT ON COLUMN report.pass_rate_by_slice.estimand IS
    'What pass rate means here: pass_own_budget, the pass of an execution under its own budget.';
COMMENT ON COLUMN report.pass_rate_by_slice.executions IS
    'Executions with an outcome, errors included.';
COMMENT ON COLUMN report.pass_rate_by_slice.scored IS
    'Executions with status success, failed or timeout; without timeouts where the bench skips them.';
COMMENT ON COLUMN report.pass_rate_by_slice.passed IS 'Executions with status success.';
COMMENT ON COLUMN report.pass_rate_by_slice.timeouts IS 'Executions that ran into their own budget.';
COMMENT ON COLUMN report.pass_rate_by_slice.errors IS
    'Executions that ended as error: counted here, never scored.';
COMMENT ON COLUMN report.pass_rate_by_slice.unknown_costs IS
    'Executions whose cost nobody reported; they are charged at their reservation.';
COMMENT ON COLUMN report.pass_rate_by_slice.pass_rate IS
    'passed ÷ scored; NULL where nothing was scored.';
COMMENT ON COLUMN report.pass_rate_by_slice.charged_micro_usd IS
    'Micro-dollars charged for the last attempts; an unknown cost is charged at its reservation.';
COMMENT ON COLUMN report.pass_rate_by_slice.charged_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_slice.spent_micro_usd IS
    'Micro-dollars spent on all attempts of all executions, lost, retried and cancelled ones included: see report.attempt_spend.';
COMMENT ON COLUMN report.pass_rate_by_slice.spent_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_slice.cost_per_pass_micro_usd IS
    'spent_micro_usd ÷ passed, in micro-dollars, rounded half up; NULL without a pass.';
COMMENT ON COLUMN report.pass_rate_by_slice.cost_per_pass_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_slice.mean_time_to_pass_ms IS
    'Mean duration of the passed executions in milliseconds, rounded half up.';
COMMENT ON COLUMN report.pass_rate_by_slice.mean_provider_wait_ms IS
    'The part of it that they waited for a provider, rounded half up.';

CREATE VIEW report.pass_rate_by_risk AS
SELECT
    bench_id, dk_risk, 'pass_own_budget' AS estimand,
    count(status) AS executions,
    count(*) FILTER (WHERE is_scored) AS scored,
    count(*) FILTER (WHERE is_passed) AS passed,
    count(*) FILTER (WHERE status = 'timeout') AS timeouts,
    count(*) FILTER (WHERE status = 'error') AS errors,
    count(status) FILTER (WHERE micro_usd IS NULL) AS unknown_costs,
    count(*) FILTER (WHERE is_passed)::double precision / nullif(count(*) FILTER (WHERE is_scored), 0) AS pass_rate,
    sum(charged_micro_usd)::bigint AS charged_micro_usd,
    sum(charged_micro_usd) / 1000000.0 AS charged_usd,
    sum(spent_micro_usd)::bigint AS spent_micro_usd,
    sum(spent_micro_usd) / 1000000.0 AS spent_usd,
    div(2 * sum(spent_micro_usd) + count(*) FILTER (WHERE is_passed),
        nullif(2 * count(*) FILTER (WHERE is_passed), 0))::bigint AS cost_per_pass_micro_usd,
    sum(spent_micro_usd) / (1000000.0 * nullif(count(*) FILTER (WHERE is_passed), 0)) AS cost_per_pass_usd,
    div(2 * sum(duration_ms) FILTER (WHERE is_passed) + count(*) FILTER (WHERE is_passed),
        nullif(2 * count(*) FILTER (WHERE is_passed), 0))::bigint AS mean_time_to_pass_ms,
    div(2 * sum(provider_wait_ms) FILTER (WHERE is_passed) + count(*) FILTER (WHERE is_passed),
        nullif(2 * count(*) FILTER (WHERE is_passed), 0))::bigint AS mean_provider_wait_ms
FROM report.arm_outcomes
GROUP BY bench_id, dk_risk
HAVING count(status) > 0;

COMMENT ON VIEW report.pass_rate_by_risk IS
    'One row a bench and risk: pass rate, cost per pass and mean time to pass of the executions that are over.';
COMMENT ON COLUMN report.pass_rate_by_risk.bench_id IS 'The bench.';
COMMENT ON COLUMN report.pass_rate_by_risk.dk_risk IS 'Issue shape: risk.';
COMMENT ON COLUMN report.pass_rate_by_risk.estimand IS
    'What pass rate means here: pass_own_budget, the pass of an execution under its own budget.';
COMMENT ON COLUMN report.pass_rate_by_risk.executions IS
    'Executions with an outcome, errors included.';
COMMENT ON COLUMN report.pass_rate_by_risk.scored IS
    'Executions with status success, failed or timeout; without timeouts where the bench skips them.';
COMMENT ON COLUMN report.pass_rate_by_risk.passed IS 'Executions with status success.';
COMMENT ON COLUMN report.pass_rate_by_risk.timeouts IS 'Executions that ran into their own budget.';
COMMENT ON COLUMN report.pass_rate_by_risk.errors IS
    'Executions that ended as error: counted here, never scored.';
COMMENT ON COLUMN report.pass_rate_by_risk.unknown_costs IS
    'Executions whose cost nobody reported; they are charged at their reservation.';
COMMENT ON COLUMN report.pass_rate_by_risk.pass_rate IS
    'passed ÷ scored; NULL where nothing was scored.';
COMMENT ON COLUMN report.pass_rate_by_risk.charged_micro_usd IS
    'Micro-dollars charged for the last attempts; an unknown cost is charged at its reservation.';
COMMENT ON COLUMN report.pass_rate_by_risk.charged_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_risk.spent_micro_usd IS
    'Micro-dollars spent on all attempts of all executions, lost, retried and cancelled ones included: see report.attempt_spend.';
COMMENT ON COLUMN report.pass_rate_by_risk.spent_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_risk.cost_per_pass_micro_usd IS
    'spent_micro_usd ÷ passed, in micro-dollars, rounded half up; NULL without a pass.';
COMMENT ON COLUMN report.pass_rate_by_risk.cost_per_pass_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_risk.mean_time_to_pass_ms IS
    'Mean duration of the passed executions in milliseconds, rounded half up.';
COMMENT ON COLUMN report.pass_rate_by_risk.mean_provider_wait_ms IS
    'The part of it that they waited for a provider, rounded half up.';

CREATE VIEW report.pass_rate_by_size AS
SELECT
    bench_id, dk_size, 'pass_own_budget' AS estimand,
    count(status) AS executions,
    count(*) FILTER (WHERE is_scored) AS scored,
    count(*) FILTER (WHERE is_passed) AS passed,
    count(*) FILTER (WHERE status = 'timeout') AS timeouts,
    count(*) FILTER (WHERE status = 'error') AS errors,
    count(status) FILTER (WHERE micro_usd IS NULL) AS unknown_costs,
    count(*) FILTER (WHERE is_passed)::double precision / nullif(count(*) FILTER (WHERE is_scored), 0) AS pass_rate,
    sum(charged_micro_usd)::bigint AS charged_micro_usd,
    sum(charged_micro_usd) / 1000000.0 AS charged_usd,
    sum(spent_micro_usd)::bigint AS spent_micro_usd,
    sum(spent_micro_usd) / 1000000.0 AS spent_usd,
    div(2 * sum(spent_micro_usd) + count(*) FILTER (WHERE is_passed),
        nullif(2 * count(*) FILTER (WHERE is_passed), 0))::bigint AS cost_per_pass_micro_usd,
    sum(spent_micro_usd) / (1000000.0 * nullif(count(*) FILTER (WHERE is_passed), 0)) AS cost_per_pass_usd,
    div(2 * sum(duration_ms) FILTER (WHERE is_passed) + count(*) FILTER (WHERE is_passed),
        nullif(2 * count(*) FILTER (WHERE is_passed), 0))::bigint AS mean_time_to_pass_ms,
    div(2 * sum(provider_wait_ms) FILTER (WHERE is_passed) + count(*) FILTER (WHERE is_passed),
        nullif(2 * count(*) FILTER (WHERE is_passed), 0))::bigint AS mean_provider_wait_ms
FROM report.arm_outcomes
GROUP BY bench_id, dk_size
HAVING count(status) > 0;

COMMENT ON VIEW report.pass_rate_by_size IS
    'One row a bench and size: pass rate, cost per pass and mean time to pass of the executions that are over.';
COMMENT ON COLUMN report.pass_rate_by_size.bench_id IS 'The bench.';
COMMENT ON COLUMN report.pass_rate_by_size.dk_size IS 'Issue shape: size.';
COMMENT ON COLUMN report.pass_rate_by_size.estimand IS
    'What pass rate means here: pass_own_budget, the pass of an execution under its own budget.';
COMMENT ON COLUMN report.pass_rate_by_size.executions IS
    'Executions with an outcome, errors included.';
COMMENT ON COLUMN report.pass_rate_by_size.scored IS
    'Executions with status success, failed or timeout; without timeouts where the bench skips them.';
COMMENT ON COLUMN report.pass_rate_by_size.passed IS 'Executions with status success.';
COMMENT ON COLUMN report.pass_rate_by_size.timeouts IS 'Executions that ran into their own budget.';
COMMENT ON COLUMN report.pass_rate_by_size.errors IS
    'Executions that ended as error: counted here, never scored.';
COMMENT ON COLUMN report.pass_rate_by_size.unknown_costs IS
    'Executions whose cost nobody reported; they are charged at their reservation.';
COMMENT ON COLUMN report.pass_rate_by_size.pass_rate IS
    'passed ÷ scored; NULL where nothing was scored.';
COMMENT ON COLUMN report.pass_rate_by_size.charged_micro_usd IS
    'Micro-dollars charged for the last attempts; an unknown cost is charged at its reservation.';
COMMENT ON COLUMN report.pass_rate_by_size.charged_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_size.spent_micro_usd IS
    'Micro-dollars spent on all attempts of all executions, lost, retried and cancelled ones included: see report.attempt_spend.';
COMMENT ON COLUMN report.pass_rate_by_size.spent_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_size.cost_per_pass_micro_usd IS
    'spent_micro_usd ÷ passed, in micro-dollars, rounded half up; NULL without a pass.';
COMMENT ON COLUMN report.pass_rate_by_size.cost_per_pass_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.pass_rate_by_size.mean_time_to_pass_ms IS
    'Mean duration of the passed executions in milliseconds, rounded half up.';
COMMENT ON COLUMN report.pass_rate_by_size.mean_provider_wait_ms IS
    'The part of it that they waited for a provider, rounded half up.';
