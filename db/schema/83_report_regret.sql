-- How far each policy stays behind the winner. Cases in which nothing was scored are no evidence and have no row.

CREATE VIEW report.regret_by_case AS
WITH arms AS (
    SELECT
        bench_id, case_id, issue_id, arm_id, canonical_rank, is_baseline, passes, work_ms, charged_micro_usd,
        bool_or(scored > 1) OVER (PARTITION BY bench_id) AS identified,
        CASE WHEN winner_arm_id IS NOT NULL AND NOT passes THEN 1.0 ELSE 0.0 END::double precision AS missed_pass,
        CASE
            WHEN winner_arm_id IS NULL THEN 0.0::double precision
            WHEN NOT passes THEN NULL
            WHEN winner_work_ms = 0 THEN CASE WHEN work_ms = 0 THEN 0.0::double precision END
            ELSE (work_ms - winner_work_ms)::double precision / winner_work_ms
        END AS duration_regret,
        CASE
            WHEN winner_arm_id IS NULL THEN 0.0::double precision
            WHEN NOT passes THEN NULL
            WHEN winner_micro_usd = 0 THEN CASE WHEN micro_usd = 0 THEN 0.0::double precision END
            ELSE (micro_usd - winner_micro_usd)::double precision / winner_micro_usd
        END AS cost_regret,
        count(*) OVER action AS observed_cases,
        count(*) FILTER (WHERE passes) OVER action AS passed_cases,
        sum(work_ms) FILTER (WHERE passes) OVER action AS passed_ms
    FROM report.arm_standings
    WHERE observed
    WINDOW action AS (PARTITION BY bench_id, canonical_rank)
), judged AS (
    SELECT
        *,
        -- (passed + 1) ÷ (observed + 2), so that one lucky case does not beat a steady record.
        first_value(canonical_rank) OVER (
            PARTITION BY bench_id
            ORDER BY (2000000 * (passed_cases + 1) + observed_cases + 2) / (2 * (observed_cases + 2)) DESC,
                div(2 * passed_ms + passed_cases, nullif(2 * passed_cases, 0)),
                canonical_rank) AS fixed_rank
    FROM arms
), by_case AS (
    SELECT
        bench_id, case_id, issue_id, bool_or(identified) AS identified,
        max(arm_id) FILTER (WHERE is_baseline) AS base_arm,
        max(missed_pass) FILTER (WHERE is_baseline) AS base_missed,
        max(duration_regret) FILTER (WHERE is_baseline) AS base_duration,
        max(cost_regret) FILTER (WHERE is_baseline) AS base_cost,
        max(charged_micro_usd) FILTER (WHERE is_baseline) AS base_charged,
        avg(missed_pass) AS uniform_missed,
        avg(duration_regret) AS uniform_duration,
        avg(cost_regret) AS uniform_cost,
        div(2 * sum(charged_micro_usd) + count(*), 2 * count(*))::bigint AS uniform_charged,
        max(arm_id) FILTER (WHERE canonical_rank = fixed_rank) AS fixed_arm,
        max(missed_pass) FILTER (WHERE canonical_rank = fixed_rank) AS fixed_missed,
        max(duration_regret) FILTER (WHERE canonical_rank = fixed_rank) AS fixed_duration,
        max(cost_regret) FILTER (WHERE canonical_rank = fixed_rank) AS fixed_cost,
        max(charged_micro_usd) FILTER (WHERE canonical_rank = fixed_rank) AS fixed_charged,
        -- The results of each arm of the case, for the policies below: the arms are then read once.
        array_agg(canonical_rank ORDER BY canonical_rank) AS ranks,
        array_agg(arm_id ORDER BY canonical_rank) AS arms,
        array_agg(missed_pass ORDER BY canonical_rank) AS missed,
        array_agg(duration_regret ORDER BY canonical_rank) AS durations,
        array_agg(cost_regret ORDER BY canonical_rank) AS costs,
        array_agg(charged_micro_usd ORDER BY canonical_rank) AS charges
    FROM judged
    GROUP BY bench_id, case_id, issue_id
)
SELECT
    c.bench_id, c.case_id, c.issue_id, 'pass_own_budget' AS estimand, c.identified, p.policy, p.arm_id, p.missed_pass IS NOT NULL AS observed,
    p.missed_pass, p.duration_regret, p.cost_regret,
    p.charged_micro_usd, p.charged_micro_usd / 1000000.0 AS charged_usd,
    (SELECT array_agg(e.execution_id ORDER BY e.replicate, e.execution_id)
     FROM farm.executions e JOIN farm.outcomes o ON o.execution_id = e.execution_id
     WHERE e.case_id = c.case_id AND e.arm_id = p.arm_id) AS execution_ids
FROM by_case c
CROSS JOIN LATERAL (
    VALUES
        ('heuristic_baseline', base_arm, base_missed, base_duration, base_cost, base_charged),
        ('uniform', NULL, uniform_missed, uniform_duration, uniform_cost, uniform_charged),
        ('best_fixed', fixed_arm, fixed_missed, fixed_duration, fixed_cost, fixed_charged)
    UNION ALL
    SELECT a.policy, arms[a.at], missed[a.at], durations[a.at], costs[a.at], charges[a.at]
    FROM (
        SELECT policy, array_position(ranks, canonical_rank) AS at
        FROM farm.policy_actions WHERE case_id = c.case_id
    ) a
) AS p (policy, arm_id, missed_pass, duration_regret, cost_regret, charged_micro_usd);

COMMENT ON VIEW report.regret_by_case IS
    'One row an observed finished case and policy: heuristic_baseline, uniform over the scored arms, best_fixed, and the registered policies that were scored on the bench.';
COMMENT ON COLUMN report.regret_by_case.bench_id IS 'The bench.';
COMMENT ON COLUMN report.regret_by_case.case_id IS 'The case: one issue in one bench.';
COMMENT ON COLUMN report.regret_by_case.issue_id IS 'The issue of the case.';
COMMENT ON COLUMN report.regret_by_case.estimand IS
    'What the winner was best in: pass_own_budget, the pass of an execution under its own budget.';
COMMENT ON COLUMN report.regret_by_case.identified IS
    'Whether some arm of the bench ran twice. Where none did, the winner was also the luckiest: regret is at most this, see report.oracle_brackets.';
COMMENT ON COLUMN report.regret_by_case.policy IS
    'heuristic_baseline, uniform (over the arms that ran), best_fixed, or the name of a registered policy.';
COMMENT ON COLUMN report.regret_by_case.arm_id IS
    'The scored arm that the policy takes; NULL for uniform, and where it was not observed.';
COMMENT ON COLUMN report.regret_by_case.observed IS
    'Whether the action of the policy was scored in the case.';
COMMENT ON COLUMN report.regret_by_case.missed_pass IS
    '1 where another arm passed and the policy''s did not, else 0; of uniform the share of arms; NULL unobserved.';
COMMENT ON COLUMN report.regret_by_case.duration_regret IS
    '(mean duration without waits for a provider − that of the winner) ÷ that of the winner; 0 where nothing passed; NULL for a missed pass, unobserved, or a winner of 0.';
COMMENT ON COLUMN report.regret_by_case.cost_regret IS
    'The same for the cost; NULL also where either cost is unknown.';
COMMENT ON COLUMN report.regret_by_case.charged_micro_usd IS
    'What an execution of its arm was charged on average, in micro-dollars, passed or not; of uniform the mean over the scored arms; NULL unobserved.';
COMMENT ON COLUMN report.regret_by_case.charged_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.regret_by_case.execution_ids IS
    'Executions of its arm with an outcome, by replicate; NULL without an arm.';

CREATE VIEW report.regret_by_policy AS
SELECT
    *, mean_charged_micro_usd / 1000000.0 AS mean_charged_usd
FROM (
    SELECT
        bench_id, 'pass_own_budget' AS estimand, bool_or(identified) AS identified, policy,
        count(*) AS cases, count(*) FILTER (WHERE observed) AS observed_cases,
        1 - count(*) FILTER (WHERE observed)::double precision / count(*) AS unobserved_share,
        avg(missed_pass) AS missed_pass_rate,
        avg(duration_regret) AS mean_duration_regret,
        avg(cost_regret) AS mean_cost_regret,
        div(2 * sum(charged_micro_usd) + nullif(count(charged_micro_usd), 0),
            2 * nullif(count(charged_micro_usd), 0))::bigint AS mean_charged_micro_usd
    FROM report.regret_by_case
    GROUP BY bench_id, policy
) summed;

COMMENT ON VIEW report.regret_by_policy IS
    'One row a bench and policy: its regret and its spend over the observed finished cases.';
COMMENT ON COLUMN report.regret_by_policy.bench_id IS 'The bench.';
COMMENT ON COLUMN report.regret_by_policy.estimand IS
    'What the winner was best in: pass_own_budget, the pass of an execution under its own budget.';
COMMENT ON COLUMN report.regret_by_policy.identified IS
    'Whether some arm of the bench ran twice. Where none did, the winner was also the luckiest: regret is at most this, see report.oracle_brackets.';
COMMENT ON COLUMN report.regret_by_policy.policy IS
    'heuristic_baseline, uniform (over the arms that ran), best_fixed, or the name of a registered policy.';
COMMENT ON COLUMN report.regret_by_policy.cases IS 'Finished cases with at least one scored arm.';
COMMENT ON COLUMN report.regret_by_policy.observed_cases IS
    'Those in which the action of the policy was scored.';
COMMENT ON COLUMN report.regret_by_policy.unobserved_share IS
    'Share of cases in which it was not: left to off-policy estimates.';
COMMENT ON COLUMN report.regret_by_policy.missed_pass_rate IS
    'Mean of missed_pass over the observed cases, which are observed_cases of cases: of few it says little. Never averaged with the finite regrets.';
COMMENT ON COLUMN report.regret_by_policy.mean_duration_regret IS
    'Mean of the finite duration regrets; NULL where there is none.';
COMMENT ON COLUMN report.regret_by_policy.mean_cost_regret IS
    'Mean of the finite cost regrets; NULL where there is none.';
COMMENT ON COLUMN report.regret_by_policy.mean_charged_micro_usd IS
    'Spend of an execution: mean of charged_micro_usd over the observed cases, rounded half up; NULL where there is none.';
COMMENT ON COLUMN report.regret_by_policy.mean_charged_usd IS 'The same in dollars.';
