-- Who won, by the same total order as the decision itself: pass rate, objective, configured ties, canonical order.

CREATE VIEW report.arm_standings AS
WITH rules AS MATERIALIZED (  -- once a bench, not once an arm
    SELECT bench_id, objective, names[1] AS tie_1, names[2] AS tie_2, names[3] AS tie_3
    FROM (
        SELECT bench_id, objective, ARRAY(
            SELECT name FROM unnest(tie_break) WITH ORDINALITY AS t (name, place)
            GROUP BY name ORDER BY min(place)) AS names
        FROM farm.benches
    ) named
), keyed AS (
    SELECT
        e.*, r.objective,
        CASE r.objective
            WHEN 'minimize_duration' THEN e.work_ms
            WHEN 'minimize_cost' THEN e.micro_usd
            ELSE e.fail_code_millionths END AS merit_1,
        CASE WHEN r.objective = 'maximize_quality' THEN -e.score_millionths END AS merit_2,
        CASE r.tie_1
            WHEN 'lower_max_candidates' THEN nullif(e.max_candidates_bin, 'NA')::int
            WHEN 'lower_max_minutes' THEN nullif(e.max_minutes_bin, 'NA')::int
            WHEN 'action_tuple_lexicographic' THEN e.canonical_rank END AS key_1,
        CASE r.tie_2
            WHEN 'lower_max_candidates' THEN nullif(e.max_candidates_bin, 'NA')::int
            WHEN 'lower_max_minutes' THEN nullif(e.max_minutes_bin, 'NA')::int
            WHEN 'action_tuple_lexicographic' THEN e.canonical_rank END AS key_2,
        CASE r.tie_3
            WHEN 'lower_max_candidates' THEN nullif(e.max_candidates_bin, 'NA')::int
            WHEN 'lower_max_minutes' THEN nullif(e.max_minutes_bin, 'NA')::int
            WHEN 'action_tuple_lexicographic' THEN e.canonical_rank END AS key_3
    FROM report.arm_estimates e
    JOIN farm.cases c ON c.case_id = e.case_id AND c.state = 'finished'
    JOIN rules r ON r.bench_id = e.bench_id
), placed AS (
    SELECT
        *,
        row_number() OVER full_order AS place,
        rank() OVER merit AS merit_rank,
        first_value(CASE WHEN passes THEN arm_id END) OVER full_order AS winner_arm_id,
        first_value(duration_ms) OVER full_order AS winner_duration_ms,
        first_value(work_ms) OVER full_order AS winner_work_ms,
        first_value(micro_usd) OVER full_order AS winner_micro_usd,
        first_value(cost_per_pass_micro_usd) OVER full_order AS winner_cost_per_pass_micro_usd,
        bool_or(observed) OVER whole_case AS case_observed
    FROM keyed
    WINDOW
        whole_case AS (PARTITION BY bench_id, case_id),
        merit AS (PARTITION BY bench_id, case_id ORDER BY passes DESC, pass_millionths DESC, merit_1, merit_2),
        full_order AS (PARTITION BY bench_id, case_id ORDER BY passes DESC, pass_millionths DESC, merit_1, merit_2,
                       key_1, key_2, key_3, canonical_rank)
)
SELECT
    bench_id, case_id, issue_id, arm_id, job_type, dk_risk, dk_size, dk_priority,
    swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin, canonical_rank, is_baseline, propensity,
    estimand, objective, scored, passed, observed, passes, pass_millionths, duration_ms, provider_wait_ms, work_ms,
    micro_usd, fail_code_millionths, score_millionths, charged_micro_usd, place,
    passes AND merit_rank = 1 AS ties_with_winner,
    arm_id IS NOT DISTINCT FROM winner_arm_id AS is_winner, winner_arm_id,
    CASE WHEN winner_arm_id IS NOT NULL THEN winner_duration_ms END AS winner_duration_ms,
    CASE WHEN winner_arm_id IS NOT NULL THEN winner_work_ms END AS winner_work_ms,
    CASE WHEN winner_arm_id IS NOT NULL THEN winner_micro_usd END AS winner_micro_usd,
    case_observed, spent_micro_usd, cost_per_pass_micro_usd,
    CASE WHEN winner_arm_id IS NOT NULL THEN winner_cost_per_pass_micro_usd END AS winner_cost_per_pass_micro_usd,
    execution_ids
FROM placed;

COMMENT ON VIEW report.arm_standings IS
    'One row an arm of a finished case: its estimate, its rank in the case, and the winner.';
COMMENT ON COLUMN report.arm_standings.bench_id IS 'The bench.';
COMMENT ON COLUMN report.arm_standings.case_id IS 'The case: one issue in one bench.';
COMMENT ON COLUMN report.arm_standings.issue_id IS 'The issue of the case.';
COMMENT ON COLUMN report.arm_standings.arm_id IS 'The arm: one action tried in the case.';
COMMENT ON COLUMN report.arm_standings.job_type IS 'Issue shape: code, fab-asset or fab-world.';
COMMENT ON COLUMN report.arm_standings.dk_risk IS 'Issue shape: risk.';
COMMENT ON COLUMN report.arm_standings.dk_size IS 'Issue shape: size.';
COMMENT ON COLUMN report.arm_standings.dk_priority IS 'Issue shape: priority.';
COMMENT ON COLUMN report.arm_standings.swarm_id IS
    'Action: topology, serial_handoff or speculate_vote.';
COMMENT ON COLUMN report.arm_standings.max_candidates_bin IS
    'Action: candidates; NA is the configured default.';
COMMENT ON COLUMN report.arm_standings.max_minutes_bin IS
    'Action: minutes a candidate; NA is the configured default.';
COMMENT ON COLUMN report.arm_standings.max_iterations_bin IS
    'Action: rounds a candidate; NA is the configured default.';
COMMENT ON COLUMN report.arm_standings.canonical_rank IS
    'Place of the action in the canonical order of all actions, from 0.';
COMMENT ON COLUMN report.arm_standings.is_baseline IS
    'Whether the arm is the action of the heuristic baseline.';
COMMENT ON COLUMN report.arm_standings.propensity IS
    'Probability, set before anything ran, that the action is among the arms of the case.';
COMMENT ON COLUMN report.arm_standings.estimand IS
    'What passing means here: pass_own_budget, the pass of an execution under its own budget.';
COMMENT ON COLUMN report.arm_standings.objective IS 'What the bench ranks first after the pass rate.';
COMMENT ON COLUMN report.arm_standings.scored IS
    'Executions with status success, failed or timeout; without timeouts where the bench skips them.';
COMMENT ON COLUMN report.arm_standings.passed IS 'Executions with status success.';
COMMENT ON COLUMN report.arm_standings.observed IS
    'Whether at least one replicate of the arm was scored.';
COMMENT ON COLUMN report.arm_standings.passes IS
    'Whether more than half of the scored executions passed.';
COMMENT ON COLUMN report.arm_standings.pass_millionths IS
    'passed ÷ scored in millionths, rounded half up.';
COMMENT ON COLUMN report.arm_standings.duration_ms IS
    'Mean duration of the passed executions in milliseconds.';
COMMENT ON COLUMN report.arm_standings.provider_wait_ms IS 'The part of it that they waited for a provider.';
COMMENT ON COLUMN report.arm_standings.work_ms IS
    'Mean duration without these waits: what minimize_duration compares.';
COMMENT ON COLUMN report.arm_standings.micro_usd IS
    'Mean cost of the passed executions in micro-dollars; NULL: unknown.';
COMMENT ON COLUMN report.arm_standings.fail_code_millionths IS
    'Mean number of fail codes of the passed executions, in millionths.';
COMMENT ON COLUMN report.arm_standings.score_millionths IS
    'Mean gate score of the passed executions, in millionths; NULL: unknown.';
COMMENT ON COLUMN report.arm_standings.charged_micro_usd IS
    'Mean charge of the scored executions in micro-dollars, passed or not; NULL where none was scored.';
COMMENT ON COLUMN report.arm_standings.place IS
    'Place in the case, from 1; arms that do not pass come last.';
COMMENT ON COLUMN report.arm_standings.ties_with_winner IS
    'Whether pass rate and objective equal those of the winner.';
COMMENT ON COLUMN report.arm_standings.is_winner IS 'Whether the arm is the winner of its case.';
COMMENT ON COLUMN report.arm_standings.winner_arm_id IS 'The winner of the case; NULL: no arm passed.';
COMMENT ON COLUMN report.arm_standings.winner_duration_ms IS
    'Mean duration of the winner in milliseconds.';
COMMENT ON COLUMN report.arm_standings.winner_work_ms IS 'The same without waits for a provider.';
COMMENT ON COLUMN report.arm_standings.winner_micro_usd IS
    'Mean cost of the winner in micro-dollars; NULL: unknown.';
COMMENT ON COLUMN report.arm_standings.case_observed IS 'Whether any arm of the case was scored.';
COMMENT ON COLUMN report.arm_standings.spent_micro_usd IS
    'Micro-dollars spent on the arm: all attempts of all its executions.';
COMMENT ON COLUMN report.arm_standings.cost_per_pass_micro_usd IS
    'spent_micro_usd ÷ passed, rounded half up; NULL without a pass.';
COMMENT ON COLUMN report.arm_standings.winner_cost_per_pass_micro_usd IS 'The cost per pass of the winner.';
COMMENT ON COLUMN report.arm_standings.execution_ids IS 'Executions of the arm with an outcome, by replicate.';

CREATE VIEW report.winners AS
SELECT
    bench_id, case_id, issue_id, job_type, dk_risk, dk_size, dk_priority, estimand, objective,
    winner_arm_id,
    CASE WHEN is_winner THEN swarm_id END AS swarm_id,
    CASE WHEN is_winner THEN max_candidates_bin END AS max_candidates_bin,
    CASE WHEN is_winner THEN max_minutes_bin END AS max_minutes_bin,
    CASE WHEN is_winner THEN max_iterations_bin END AS max_iterations_bin,
    CASE
        WHEN NOT is_winner THEN NULL
        WHEN objective = 'minimize_duration' THEN work_ms::double precision
        WHEN objective = 'minimize_cost' THEN micro_usd::double precision
        ELSE fail_code_millionths / 1000000.0::double precision
    END AS winner_value,
    tie_size, winner_duration_ms, winner_work_ms, winner_micro_usd, winner_micro_usd / 1000000.0 AS winner_usd,
    arms, arms_observed, arms_passing,
    winner_cost_per_pass_micro_usd, winner_cost_per_pass_micro_usd / 1000000.0 AS winner_cost_per_pass_usd,
    -- The same rule as db.repositories.artifacts.execution_to_take.
    (SELECT e.execution_id FROM farm.executions e JOIN farm.outcomes o ON o.execution_id = e.execution_id
     WHERE e.case_id = standings.case_id AND e.arm_id = standings.winner_arm_id AND e.state = 'done'
       AND o.status = 'success' ORDER BY e.replicate, e.execution_id LIMIT 1) AS execution_id
FROM (
    SELECT
        *,
        count(*) OVER whole_case AS arms,
        count(*) FILTER (WHERE observed) OVER whole_case AS arms_observed,
        count(*) FILTER (WHERE passes) OVER whole_case AS arms_passing,
        count(*) FILTER (WHERE ties_with_winner) OVER whole_case AS tie_size
    FROM report.arm_standings
    WINDOW whole_case AS (PARTITION BY bench_id, case_id)
) standings
WHERE place = 1;

COMMENT ON VIEW report.winners IS
    'One row a finished case: its winner, chosen anew from the outcomes; how sure it is, see report.winner_sets. NULL action: no arm passed.';
COMMENT ON COLUMN report.winners.bench_id IS 'The bench.';
COMMENT ON COLUMN report.winners.case_id IS 'The case: one issue in one bench.';
COMMENT ON COLUMN report.winners.issue_id IS 'The issue of the case.';
COMMENT ON COLUMN report.winners.job_type IS 'Issue shape: code, fab-asset or fab-world.';
COMMENT ON COLUMN report.winners.dk_risk IS 'Issue shape: risk.';
COMMENT ON COLUMN report.winners.dk_size IS 'Issue shape: size.';
COMMENT ON COLUMN report.winners.dk_priority IS 'Issue shape: priority.';
COMMENT ON COLUMN report.winners.estimand IS
    'What the winner was best in: pass_own_budget, the pass of an execution under its own budget.';
COMMENT ON COLUMN report.winners.objective IS 'What the bench ranks first after the pass rate.';
COMMENT ON COLUMN report.winners.winner_arm_id IS 'The winning arm; NULL: no arm passed.';
COMMENT ON COLUMN report.winners.swarm_id IS 'Topology of the winner.';
COMMENT ON COLUMN report.winners.max_candidates_bin IS
    'Candidates of the winner; NA is the configured default.';
COMMENT ON COLUMN report.winners.max_minutes_bin IS
    'Minutes of the winner; NA is the configured default.';
COMMENT ON COLUMN report.winners.max_iterations_bin IS
    'Rounds of the winner; NA is the configured default.';
COMMENT ON COLUMN report.winners.winner_value IS
    'The objective of the winner: milliseconds, micro-dollars (NULL: unknown) or fail codes.';
COMMENT ON COLUMN report.winners.tie_size IS
    'Arms that share the best pass rate and objective; 0 without a winner.';
COMMENT ON COLUMN report.winners.winner_duration_ms IS 'Mean duration of the winner in milliseconds.';
COMMENT ON COLUMN report.winners.winner_work_ms IS 'The same without waits for a provider.';
COMMENT ON COLUMN report.winners.winner_micro_usd IS
    'Mean cost of the winner in micro-dollars; NULL: unknown.';
COMMENT ON COLUMN report.winners.winner_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.winners.arms IS 'Arms of the case.';
COMMENT ON COLUMN report.winners.arms_observed IS 'Arms with a scored execution.';
COMMENT ON COLUMN report.winners.arms_passing IS 'Arms that pass.';
COMMENT ON COLUMN report.winners.winner_cost_per_pass_micro_usd IS
    'All that was spent on the winner ÷ its passes, in micro-dollars, rounded half up.';
COMMENT ON COLUMN report.winners.winner_cost_per_pass_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.winners.execution_id IS
    'The execution whose patch to take: the passing one of the winner with the lowest replicate; NULL without a winner.';
