-- Arms with their weights in rates: the inverse of the probability to be drawn.

CREATE VIEW report.weighted_arms AS
SELECT
    *,
    CASE WHEN is_weighted THEN 1 / propensity ELSE 1 END AS weight,
    CASE WHEN is_weighted THEN 1 / (propensity * actions) ELSE 1 END AS share_weight
FROM (
    SELECT
        t.bench_id, c.case_id, c.issue_id, t.arm_id, t.slice, c.dk_risk, c.dk_size, a.swarm_id,
        coalesce(a.max_candidates::text, 'NA') AS max_candidates_bin,
        coalesce(a.max_minutes::text, 'NA') AS max_minutes_bin,
        coalesce(a.max_iterations::text, 'NA') AS max_iterations_bin,
        a.canonical_rank, a.propensity,
        (SELECT sum(jsonb_array_length(p -> 1)) FROM jsonb_array_elements(c.design -> 'propensities') AS p
         WHERE (p ->> 0)::double precision > 0)::double precision AS actions,
        bool_and(t.kind = 'bench' AND a.propensity > 0 AND coalesce(c.design ->> 'kind' <> 'deterministic', false))
            OVER (PARTITION BY t.bench_id) AS is_weighted,
        t.race IS NOT NULL AS is_race,
        executions, scored, passed, timeouts, errors, unknown_costs, charged_micro_usd, spent_micro_usd,
        rated_passed::double precision / nullif(rated_scored, 0) AS pass_share,
        rated_executions, rated_scored, rated_errors, rated_passed, rated_micro_usd, passed_ms, passed_wait_ms
    FROM (
        SELECT
            b.bench_id, b.kind, b.race, o.slice, o.arm_id,
            count(status) AS executions,
            count(*) FILTER (WHERE is_scored) AS scored,
            count(*) FILTER (WHERE is_passed) AS passed,
            count(*) FILTER (WHERE status = 'timeout') AS timeouts,
            count(*) FILTER (WHERE status = 'error') AS errors,
            count(status) FILTER (WHERE micro_usd IS NULL) AS unknown_costs,
            sum(charged_micro_usd) AS charged_micro_usd,
            sum(spent_micro_usd) AS spent_micro_usd,
            count(status) FILTER (WHERE b.race IS NULL OR replicate > 0) AS rated_executions,
            count(*) FILTER (WHERE status = 'error' AND (b.race IS NULL OR replicate > 0)) AS rated_errors,
            count(*) FILTER (WHERE is_scored AND (b.race IS NULL OR replicate > 0)) AS rated_scored,
            count(*) FILTER (WHERE is_passed AND (b.race IS NULL OR replicate > 0)) AS rated_passed,
            sum(spent_micro_usd) FILTER (WHERE b.race IS NULL OR replicate > 0) AS rated_micro_usd,
            sum(duration_ms) FILTER (WHERE is_passed AND (b.race IS NULL OR replicate > 0)) AS passed_ms,
            sum(provider_wait_ms) FILTER (WHERE is_passed AND (b.race IS NULL OR replicate > 0)) AS passed_wait_ms
        FROM report.arm_outcomes o JOIN farm.benches b USING (bench_id)
        GROUP BY b.bench_id, o.slice, o.arm_id
    ) t
    JOIN farm.arms a USING (arm_id)
    JOIN farm.cases c USING (case_id)
) arms;

COMMENT ON VIEW report.weighted_arms IS
    'One row an arm with executions: its counts, and how much it weighs in rates. What report.pass_rate_by_action and its neighbours add up.';
COMMENT ON COLUMN report.weighted_arms.bench_id IS 'The bench.';
COMMENT ON COLUMN report.weighted_arms.case_id IS 'The case: one issue in one bench.';
COMMENT ON COLUMN report.weighted_arms.issue_id IS 'The issue of the case.';
COMMENT ON COLUMN report.weighted_arms.arm_id IS 'The arm: one action tried in the case.';
COMMENT ON COLUMN report.weighted_arms.slice IS 'The named slice the bench was submitted with.';
COMMENT ON COLUMN report.weighted_arms.dk_risk IS 'Issue shape: risk.';
COMMENT ON COLUMN report.weighted_arms.dk_size IS 'Issue shape: size.';
COMMENT ON COLUMN report.weighted_arms.swarm_id IS 'Action: topology, serial_handoff or speculate_vote.';
COMMENT ON COLUMN report.weighted_arms.max_candidates_bin IS
    'Action: candidates; NA is the configured default.';
COMMENT ON COLUMN report.weighted_arms.max_minutes_bin IS
    'Action: minutes a candidate; NA is the configured default.';
COMMENT ON COLUMN report.weighted_arms.max_iterations_bin IS
    'Action: rounds a candidate; NA is the configured default.';
COMMENT ON COLUMN report.weighted_arms.canonical_rank IS
    'Place of the action in the canonical order of all actions, from 0.';
COMMENT ON COLUMN report.weighted_arms.propensity IS
    'π: probability, set before anything ran, that the action is among the arms of the case.';
COMMENT ON COLUMN report.weighted_arms.actions IS
    'Actions that could be drawn for the case; NULL where no sampling design is stored.';
COMMENT ON COLUMN report.weighted_arms.is_weighted IS
    'Whether all arms of the bench were drawn by lot; else every arm weighs 1.';
COMMENT ON COLUMN report.weighted_arms.is_race IS 'Whether the bench is a race, whose first runs are not rated.';
COMMENT ON COLUMN report.weighted_arms.executions IS 'Executions with an outcome, errors included.';
COMMENT ON COLUMN report.weighted_arms.scored IS
    'Executions with status success, failed or timeout; without timeouts where the bench skips them.';
COMMENT ON COLUMN report.weighted_arms.passed IS 'Executions with status success.';
COMMENT ON COLUMN report.weighted_arms.timeouts IS 'Executions that ran into their own budget.';
COMMENT ON COLUMN report.weighted_arms.errors IS 'Executions that ended as error.';
COMMENT ON COLUMN report.weighted_arms.unknown_costs IS 'Executions whose cost nobody reported.';
COMMENT ON COLUMN report.weighted_arms.charged_micro_usd IS 'Micro-dollars charged for the last attempts.';
COMMENT ON COLUMN report.weighted_arms.spent_micro_usd IS 'Micro-dollars spent on all attempts.';
COMMENT ON COLUMN report.weighted_arms.pass_share IS
    'Passed ÷ scored of the rated executions; NULL where none was scored.';
COMMENT ON COLUMN report.weighted_arms.rated_executions IS
    'Rated executions with an outcome: all but the runs that decided a race.';
COMMENT ON COLUMN report.weighted_arms.rated_scored IS 'Those that were scored; the others are missing.';
COMMENT ON COLUMN report.weighted_arms.rated_errors IS 'Those that ended as error.';
COMMENT ON COLUMN report.weighted_arms.rated_passed IS 'Those that passed.';
COMMENT ON COLUMN report.weighted_arms.rated_micro_usd IS 'Micro-dollars spent on all their attempts.';
COMMENT ON COLUMN report.weighted_arms.passed_ms IS 'Milliseconds of the rated executions that passed.';
COMMENT ON COLUMN report.weighted_arms.passed_wait_ms IS 'The part of it that they waited for a provider.';
COMMENT ON COLUMN report.weighted_arms.weight IS
    '1/π: in rates of one action, every issue on which it could be drawn counts the same.';
COMMENT ON COLUMN report.weighted_arms.share_weight IS
    '1/(π · actions): in rates of many actions, every issue counts the same, and on it every action.';
