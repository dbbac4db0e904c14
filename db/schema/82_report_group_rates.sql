-- Pass rate, cost per pass and mean time to pass of groups of arms. Counts add up over rows; rates do not.

CREATE VIEW report.group_rates AS
WITH by_issue AS (
    SELECT
        w.bench_id, g.dimension,
        g.swarm_id, g.max_candidates_bin, g.max_minutes_bin, g.max_iterations_bin, g.slice, g.dk_risk, g.dk_size,
        w.issue_id, bool_and(is_weighted) AS is_weighted, bool_or(is_race) AS is_race,
        sum(executions) AS executions, sum(scored) AS scored, sum(passed) AS passed, sum(timeouts) AS timeouts,
        sum(errors) AS errors, sum(unknown_costs) AS unknown_costs,
        sum(charged_micro_usd) AS charged_micro_usd, sum(spent_micro_usd) AS spent_micro_usd,
        sum(g.arm_weight * pass_share) AS passes,
        sum(g.arm_weight) FILTER (WHERE pass_share IS NOT NULL) AS arms,
        sum(g.arm_weight * rated_errors) AS lost,
        sum(g.arm_weight * (rated_executions - rated_scored)) AS missing,
        sum(g.arm_weight * rated_executions) AS ended,
        sum(g.arm_weight * rated_passed) AS rated_passed,
        sum(g.arm_weight * rated_micro_usd) AS rated_micro_usd,
        sum(g.arm_weight * passed_ms) AS passed_ms, sum(g.arm_weight * passed_wait_ms) AS passed_wait_ms
    FROM report.weighted_arms w
    CROSS JOIN LATERAL (VALUES
        ('action', w.swarm_id, w.max_candidates_bin, w.max_minutes_bin, w.max_iterations_bin, NULL, NULL, NULL,
         w.weight),
        ('slice', NULL, NULL, NULL, NULL, w.slice, NULL, NULL, w.share_weight),
        ('risk', NULL, NULL, NULL, NULL, NULL, w.dk_risk, NULL, w.share_weight),
        ('size', NULL, NULL, NULL, NULL, NULL, NULL, w.dk_size, w.share_weight)
    ) AS g (dimension, swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin, slice, dk_risk, dk_size,
            arm_weight)
    GROUP BY
        w.bench_id, g.dimension,
        g.swarm_id, g.max_candidates_bin, g.max_minutes_bin, g.max_iterations_bin, g.slice, g.dk_risk, g.dk_size,
        w.issue_id
), summed AS (
    SELECT
        bench_id, dimension, swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin, slice, dk_risk, dk_size,
        bool_and(is_weighted) AS is_weighted, bool_or(is_race) AS is_race,
        sum(executions)::bigint AS executions, sum(scored)::bigint AS scored, sum(passed)::bigint AS passed,
        sum(timeouts)::bigint AS timeouts, sum(errors)::bigint AS errors, sum(unknown_costs)::bigint AS unknown_costs,
        sum(charged_micro_usd)::bigint AS charged_micro_usd, sum(spent_micro_usd)::bigint AS spent_micro_usd,
        count(arms) AS issues, sum(passes) / sum(arms) AS pass_rate, sum(arms) AS arms,
        sum(passes ^ 2) AS squares, sum(passes * arms) AS products, sum(arms ^ 2) AS arms_squares,
        sum(lost) / nullif(sum(ended), 0) AS error_share, sum(missing) / nullif(sum(ended), 0) AS missing_share,
        sum(rated_micro_usd) / nullif(sum(rated_passed), 0) AS cost_per_pass,
        sum(passed_ms) / nullif(sum(rated_passed), 0) AS time_to_pass,
        sum(passed_wait_ms) / nullif(sum(rated_passed), 0) AS provider_wait
    FROM by_issue
    GROUP BY
        bench_id, dimension,
        swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin, slice, dk_risk, dk_size
    HAVING sum(executions) > 0
)
SELECT
    bench_id, dimension, swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin, slice, dk_risk, dk_size,
    'pass_own_budget' AS estimand,
    executions, scored, passed, timeouts, errors, unknown_costs,
    CASE WHEN why_not IS NULL THEN pass_rate END AS pass_rate,
    charged_micro_usd, charged_micro_usd / 1000000.0 AS charged_usd,
    spent_micro_usd, spent_micro_usd / 1000000.0 AS spent_usd,
    floor(cost_per_pass + 0.5)::bigint AS cost_per_pass_micro_usd,
    cost_per_pass / 1000000.0 AS cost_per_pass_usd,
    floor(time_to_pass + 0.5)::bigint AS mean_time_to_pass_ms,
    floor(provider_wait + 0.5)::bigint AS mean_provider_wait_ms,
    issues,
    CASE WHEN why_not IS NULL THEN sqrt(greatest(
        issues / (issues - 1.0) * (squares - 2 * pass_rate * products + pass_rate ^ 2 * arms_squares), 0)) / arms
    END AS pass_rate_se,
    error_share,
    CASE WHEN is_weighted THEN 'Hájek, weights 1/π'
         WHEN is_race THEN 'plain mean without the runs of the race'
         ELSE 'plain mean over the issues where it ran' END AS weighting,
    why_not
FROM (
    SELECT *,
        CASE WHEN missing_share > 0.02 THEN 'more than 2 % missing: see report.action_rates'
             WHEN issues < 10 THEN 'fewer than 10 issues' END AS why_not
    FROM summed
) judged;

COMMENT ON VIEW report.group_rates IS
    'One row a bench and group of its arms: those of an action, a slice, a risk or a size. What report.pass_rate_by_action and its neighbours show.';
COMMENT ON COLUMN report.group_rates.bench_id IS 'The bench.';
COMMENT ON COLUMN report.group_rates.dimension IS 'What the arms have in common: action, slice, risk or size.';
COMMENT ON COLUMN report.group_rates.swarm_id IS
    'Of an action: topology, serial_handoff or speculate_vote.';
COMMENT ON COLUMN report.group_rates.max_candidates_bin IS
    'Of an action: candidates; NA is the configured default.';
COMMENT ON COLUMN report.group_rates.max_minutes_bin IS
    'Of an action: minutes a candidate; NA is the configured default.';
COMMENT ON COLUMN report.group_rates.max_iterations_bin IS
    'Of an action: rounds a candidate; NA is the configured default.';
COMMENT ON COLUMN report.group_rates.slice IS 'Of a slice: the named slice the bench was submitted with.';
COMMENT ON COLUMN report.group_rates.dk_risk IS 'Of a risk: issue shape, risk.';
COMMENT ON COLUMN report.group_rates.dk_size IS 'Of a size: issue shape, size.';
COMMENT ON COLUMN report.group_rates.estimand IS
    'What pass rate means here: pass_own_budget, the pass of an execution under its own budget.';
COMMENT ON COLUMN report.group_rates.executions IS 'Executions with an outcome, errors included.';
COMMENT ON COLUMN report.group_rates.scored IS
    'Executions with status success, failed or timeout; without timeouts where the bench skips them.';
COMMENT ON COLUMN report.group_rates.passed IS 'Executions with status success.';
COMMENT ON COLUMN report.group_rates.timeouts IS 'Executions that ran into their own budget.';
COMMENT ON COLUMN report.group_rates.errors IS 'Executions that ended as error: counted here, never scored.';
COMMENT ON COLUMN report.group_rates.unknown_costs IS
    'Executions whose cost nobody reported; they are charged at their reservation.';
COMMENT ON COLUMN report.group_rates.pass_rate IS
    'Mean of the pass shares of its arms, weighted by 1/π and not passed ÷ scored; see weighting. NULL where why_not has a reason; passed and scored are the raw counts.';
COMMENT ON COLUMN report.group_rates.charged_micro_usd IS
    'Micro-dollars charged for the last attempts; an unknown cost is charged at its reservation.';
COMMENT ON COLUMN report.group_rates.charged_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.group_rates.spent_micro_usd IS
    'Micro-dollars spent on all attempts of all executions, lost, retried and cancelled ones included: see report.attempt_spend.';
COMMENT ON COLUMN report.group_rates.spent_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.group_rates.cost_per_pass_micro_usd IS
    'What was spent ÷ passes, both weighted as pass_rate is, in micro-dollars, rounded half up; NULL without a pass.';
COMMENT ON COLUMN report.group_rates.cost_per_pass_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.group_rates.mean_time_to_pass_ms IS
    'Mean duration of the passed executions in milliseconds, weighted as pass_rate is, rounded half up.';
COMMENT ON COLUMN report.group_rates.mean_provider_wait_ms IS
    'The part of it that they waited for a provider, rounded half up.';
COMMENT ON COLUMN report.group_rates.issues IS 'Issues with a scored execution: what pass_rate rests on.';
COMMENT ON COLUMN report.group_rates.pass_rate_se IS
    'Linearised standard error of pass_rate over issues; NULL where pass_rate is. 0 where all agree: see report.action_rates for intervals.';
COMMENT ON COLUMN report.group_rates.error_share IS
    'Share of the executions with an outcome that ended as error, weighted as pass_rate is.';
COMMENT ON COLUMN report.group_rates.weighting IS
    'How arms are weighed: by 1/π, or plainly where they were not drawn by lot; then rows of different issues do not compare.';
COMMENT ON COLUMN report.group_rates.why_not IS
    'Why there is no pass_rate: fewer than 10 issues, or more than 2 % of the rated executions missing; NULL where there is one.';
