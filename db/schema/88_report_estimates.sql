-- Estimates as they were last published: computed from outcomes by `bench estimates publish` and by the reports,
-- not by the database. Stale rows stay until then; see report.published_estimates for which.

CREATE VIEW report.published_estimates AS
SELECT
    b.bench_id, d.undecided,
    p.published_at, coalesce(p.fingerprint = n.fingerprint, false) AS is_current,
    p.why_not, p.fingerprint, n.fingerprint AS fingerprint_now
FROM farm.benches b
LEFT JOIN farm.published_estimates p USING (bench_id)
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE c.state IN ('checking', 'pending', 'admitted', 'cancelled')) AS undecided,
        count(*) FILTER (WHERE c.state = 'finished') AS finished,
        count(*) FILTER (WHERE c.state = 'skipped') AS skipped
    FROM farm.cases c WHERE c.bench_id = b.bench_id) d
CROSS JOIN LATERAL (
    SELECT count(*) AS outcomes, sum(e.execution_id) AS which,
        count(*) FILTER (WHERE e.state = 'cancelled') AS cancelled
    FROM farm.executions e LEFT JOIN farm.outcomes o USING (execution_id)
    WHERE e.bench_id = b.bench_id AND (o.execution_id IS NOT NULL OR e.state = 'cancelled')) r
CROSS JOIN LATERAL (
    SELECT string_agg(concat_ws(' ', name, bundle_hash, cases), ',' ORDER BY name) AS policies
    FROM (
        SELECT q.name, q.bundle_hash, count(*) AS cases
        FROM farm.policy_actions a
        JOIN farm.policies q ON q.name = a.policy
        JOIN farm.cases c ON c.case_id = a.case_id
        WHERE c.bench_id = b.bench_id GROUP BY q.name
    ) scored) s
CROSS JOIN LATERAL (
    SELECT md5(jsonb_build_array(
        d.undecided, d.finished, d.skipped, r.outcomes, r.which, r.cancelled, s.policies,
        (SELECT jsonb_build_array(k.usd_limit, k.ms_limit, k.executions_limit)
         FROM farm.caps k WHERE k.bench_id = b.bench_id))::text) AS fingerprint) n
WHERE b.kind = 'bench';

COMMENT ON VIEW report.published_estimates IS
    'One row a bench: when its estimates were last published, and whether anything has changed since. `bench estimates publish` brings them up to date.';
COMMENT ON COLUMN report.published_estimates.bench_id IS 'The bench.';
COMMENT ON COLUMN report.published_estimates.undecided IS
    'Cases that have no verdict yet or never will; estimates are published once there is none.';
COMMENT ON COLUMN report.published_estimates.published_at IS 'When its estimates were computed; NULL: never.';
COMMENT ON COLUMN report.published_estimates.is_current IS
    'Whether outcomes, caps and scored policies are still those that the published estimates were computed from.';
COMMENT ON COLUMN report.published_estimates.why_not IS
    'Why there are no values of policies or no brackets at all; NULL where there are, be they refusals.';
COMMENT ON COLUMN report.published_estimates.fingerprint IS
    'Of the outcomes, caps and policies that the estimates were computed from.';
COMMENT ON COLUMN report.published_estimates.fingerprint_now IS 'The same of what is there now.';

CREATE VIEW report.arm_judgements AS
SELECT
    c.bench_id, c.case_id, c.issue_id, j.arm_id, c.job_type, c.dk_risk, c.dk_size, c.dk_priority,
    a.swarm_id,
    coalesce(a.max_candidates::text, 'NA') AS max_candidates_bin,
    coalesce(a.max_minutes::text, 'NA') AS max_minutes_bin,
    coalesce(a.max_iterations::text, 'NA') AS max_iterations_bin,
    a.canonical_rank, a.is_baseline, j.estimand, j.value IS NOT NULL AS identified,
    j.runs, j.observed, j.value AS estimate, j.low, j.high, j.method, j.why_not,
    j.chance_best, j.in_winner_set, j.arm_id = w.leader_arm_id AS is_leader,
    w.is_claimed AND j.arm_id = w.leader_arm_id AS is_claimed, j.weight,
    (SELECT array_agg(e.execution_id ORDER BY e.replicate, e.execution_id)
     FROM farm.executions e JOIN farm.outcomes o ON o.execution_id = e.execution_id
     WHERE e.case_id = j.case_id AND e.arm_id = j.arm_id) AS execution_ids
FROM farm.arm_judgements j
JOIN farm.case_judgements w ON w.case_id = j.case_id
JOIN farm.arms a ON a.arm_id = j.arm_id
JOIN farm.cases c ON c.case_id = j.case_id;

COMMENT ON VIEW report.arm_judgements IS
    'One row an observed arm of a bench whose estimates are published: what it is worth, and whether it may be the best of its case.';
COMMENT ON COLUMN report.arm_judgements.bench_id IS 'The bench.';
COMMENT ON COLUMN report.arm_judgements.case_id IS 'The case: one issue in one bench.';
COMMENT ON COLUMN report.arm_judgements.issue_id IS 'The issue of the case.';
COMMENT ON COLUMN report.arm_judgements.arm_id IS 'The arm: one action tried in the case.';
COMMENT ON COLUMN report.arm_judgements.job_type IS 'Issue shape: code, fab-asset or fab-world.';
COMMENT ON COLUMN report.arm_judgements.dk_risk IS 'Issue shape: risk.';
COMMENT ON COLUMN report.arm_judgements.dk_size IS 'Issue shape: size.';
COMMENT ON COLUMN report.arm_judgements.dk_priority IS 'Issue shape: priority.';
COMMENT ON COLUMN report.arm_judgements.swarm_id IS 'Action: topology, serial_handoff or speculate_vote.';
COMMENT ON COLUMN report.arm_judgements.max_candidates_bin IS
    'Action: candidates; NA is the configured default.';
COMMENT ON COLUMN report.arm_judgements.max_minutes_bin IS
    'Action: minutes a candidate; NA is the configured default.';
COMMENT ON COLUMN report.arm_judgements.max_iterations_bin IS
    'Action: rounds a candidate; NA is the configured default.';
COMMENT ON COLUMN report.arm_judgements.canonical_rank IS
    'Place of the action in the canonical order of all actions, from 0.';
COMMENT ON COLUMN report.arm_judgements.is_baseline IS
    'Whether the arm is the action of the heuristic baseline.';
COMMENT ON COLUMN report.arm_judgements.estimand IS
    'What the numbers are of: pass_own_budget, the pass of an execution under its own budget.';
COMMENT ON COLUMN report.arm_judgements.identified IS
    'Whether luck and merit can be distinguished: false where no arm ran twice, here or in an earlier bench of the same rules; estimates are NULL there.';
COMMENT ON COLUMN report.arm_judgements.runs IS 'Executions of the arm with an outcome that counts.';
COMMENT ON COLUMN report.arm_judgements.observed IS 'Mean of these runs: what was seen, luck included.';
COMMENT ON COLUMN report.arm_judgements.estimate IS
    'What the arm is worth: the mean of its runs, shrunk by empirical Bayes; NULL where refused.';
COMMENT ON COLUMN report.arm_judgements.low IS 'Lower end of the 95 % interval of estimate.';
COMMENT ON COLUMN report.arm_judgements.high IS 'Upper end of the 95 % interval of estimate.';
COMMENT ON COLUMN report.arm_judgements.method IS 'How estimate and its interval were made.';
COMMENT ON COLUMN report.arm_judgements.why_not IS
    'Why there is no estimate, and what would correct it; NULL where there is one.';
COMMENT ON COLUMN report.arm_judgements.chance_best IS
    'P(best): chance that the arm has the best pass rate of the arms that ran; those within a point share it; adds up to 1 over a case. Where not identified, by an assumed noise between runs.';
COMMENT ON COLUMN report.arm_judgements.in_winner_set IS
    'Whether the arm may be the best: it is one of the fewest arms whose chance_best adds up to 95 %, or it is claimed.';
COMMENT ON COLUMN report.arm_judgements.is_leader IS
    'Whether it has the best mean; then the better objective, then canonical order.';
COMMENT ON COLUMN report.arm_judgements.is_claimed IS
    'Whether it may be called the winner: a test of four runs an arm or more rejects that any other arm of the case is as good.';
COMMENT ON COLUMN report.arm_judgements.weight IS
    'Soft label, adding up to 1 over a case: chance_best, as labels are exported with it.';
COMMENT ON COLUMN report.arm_judgements.execution_ids IS 'Executions of the arm with an outcome, by replicate.';

CREATE VIEW report.winner_sets AS
SELECT
    c.bench_id, c.case_id, c.issue_id, c.job_type, c.dk_risk, c.dk_size, c.dk_priority,
    w.leader_arm_id, a.swarm_id,
    coalesce(a.max_candidates::text, 'NA') AS max_candidates_bin,
    coalesce(a.max_minutes::text, 'NA') AS max_minutes_bin,
    coalesce(a.max_iterations::text, 'NA') AS max_iterations_bin,
    w.estimand, w.value IS NOT NULL AS identified, w.is_claimed, w.p_value, w.tie_size,
    s.arms, cardinality(s.member_arm_ids) AS members, s.member_arm_ids,
    w.value, w.low, w.high, w.method, w.why_not,
    (SELECT array_agg(e.execution_id ORDER BY e.replicate, e.execution_id)
     FROM farm.executions e JOIN farm.outcomes o ON o.execution_id = e.execution_id
     WHERE e.case_id = w.case_id AND e.arm_id = w.leader_arm_id) AS leader_execution_ids
FROM farm.case_judgements w
JOIN farm.cases c ON c.case_id = w.case_id
JOIN farm.arms a ON a.arm_id = w.leader_arm_id
CROSS JOIN LATERAL (
    SELECT count(*) AS arms, array_agg(j.arm_id ORDER BY j.arm_id) FILTER (WHERE j.in_winner_set) AS member_arm_ids
    FROM farm.arm_judgements j WHERE j.case_id = w.case_id) s;

COMMENT ON VIEW report.winner_sets IS
    'One row a case with an observed arm, in benches whose estimates are published: its leader, whether that is claimed as the winner, and which arms else may be the best.';
COMMENT ON COLUMN report.winner_sets.bench_id IS 'The bench.';
COMMENT ON COLUMN report.winner_sets.case_id IS 'The case: one issue in one bench.';
COMMENT ON COLUMN report.winner_sets.issue_id IS 'The issue of the case.';
COMMENT ON COLUMN report.winner_sets.job_type IS 'Issue shape: code, fab-asset or fab-world.';
COMMENT ON COLUMN report.winner_sets.dk_risk IS 'Issue shape: risk.';
COMMENT ON COLUMN report.winner_sets.dk_size IS 'Issue shape: size.';
COMMENT ON COLUMN report.winner_sets.dk_priority IS 'Issue shape: priority.';
COMMENT ON COLUMN report.winner_sets.leader_arm_id IS
    'The arm with the best mean; then the better objective, then canonical order.';
COMMENT ON COLUMN report.winner_sets.swarm_id IS 'The leader: topology, serial_handoff or speculate_vote.';
COMMENT ON COLUMN report.winner_sets.max_candidates_bin IS
    'The leader: candidates; NA is the configured default.';
COMMENT ON COLUMN report.winner_sets.max_minutes_bin IS
    'The leader: minutes a candidate; NA is the configured default.';
COMMENT ON COLUMN report.winner_sets.max_iterations_bin IS
    'The leader: rounds a candidate; NA is the configured default.';
COMMENT ON COLUMN report.winner_sets.estimand IS
    'What the numbers are of: pass_own_budget, the pass of an execution under its own budget.';
COMMENT ON COLUMN report.winner_sets.identified IS
    'Whether luck and merit can be distinguished: false where no arm ran twice, here or in an earlier bench of the same rules; value is NULL there.';
COMMENT ON COLUMN report.winner_sets.is_claimed IS
    'Whether the leader may be called the winner, by a test of four runs an arm or more.';
COMMENT ON COLUMN report.winner_sets.p_value IS
    'Of the hardest two-sided test of the leader against another arm, not corrected; 1 for a lone arm.';
COMMENT ON COLUMN report.winner_sets.tie_size IS 'Arms whose mean equals the leader''s, the leader included.';
COMMENT ON COLUMN report.winner_sets.arms IS 'Arms with a run that counts.';
COMMENT ON COLUMN report.winner_sets.members IS
    'Size of the winner set: arms still possible as the best; 1 where the leader is claimed.';
COMMENT ON COLUMN report.winner_sets.member_arm_ids IS
    'The winner set: the fewest arms whose chances of being best add up to 95 %, or the claimed leader alone.';
COMMENT ON COLUMN report.winner_sets.value IS
    'What the leader is worth, with the winner''s curse taken out; NULL where not identified.';
COMMENT ON COLUMN report.winner_sets.low IS 'Lower end of its 95 % interval.';
COMMENT ON COLUMN report.winner_sets.high IS 'Upper end of its 95 % interval.';
COMMENT ON COLUMN report.winner_sets.method IS 'How value and its interval were made.';
COMMENT ON COLUMN report.winner_sets.why_not IS
    'Why there is no value, and what would correct it; NULL where there is one.';
COMMENT ON COLUMN report.winner_sets.leader_execution_ids IS
    'Executions of the leader with an outcome, by replicate.';

CREATE VIEW report.policy_values AS
SELECT
    bench_id, policy, quantity, estimator, is_recommended, estimand, value, low, high,
    CASE WHEN quantity IN ('value_here', 'difference_here') THEN 'these issues' ELSE 'issues like these' END
        AS interval_over,
    p_value, missing_share, missing_by_class, method, why_not
FROM farm.policy_estimates WHERE quantity IN ('value', 'value_here', 'difference', 'difference_here');

COMMENT ON VIEW report.policy_values IS
    'One row a bench, policy, quantity and estimator: the value that the policy would have had on all issues of the bench, actions included that were not tried.';
COMMENT ON COLUMN report.policy_values.bench_id IS 'The bench.';
COMMENT ON COLUMN report.policy_values.policy IS
    'heuristic_baseline, uniform over allowed actions, the name of a registered policy that was scored on every case, or always ACTION: that action on every issue.';
COMMENT ON COLUMN report.policy_values.quantity IS
    'value: of the policy; difference: its value less that of heuristic_baseline, on the same issues; value_here and difference_here: the same with the interval for these issues alone.';
COMMENT ON COLUMN report.policy_values.estimator IS
    'How it was weighed: HT, Hájek, DM, DR, SNDR, SWITCH-DR, issue-adjusted DR, finite sample, Manski bounds or complete cases.';
COMMENT ON COLUMN report.policy_values.is_recommended IS
    'Whether it is the number to quote; the others are there to compare. Of a policy with more than 2 % of its runs missing these are the Manski bounds.';
COMMENT ON COLUMN report.policy_values.estimand IS
    'What the numbers are of: pass_own_budget, the pass of an execution under its own budget, or pass_within_caps, where a run killed by its own dollar cap is a failure too.';
COMMENT ON COLUMN report.policy_values.value IS
    'The number; NULL where it is refused, or where the estimator gives a bracket alone.';
COMMENT ON COLUMN report.policy_values.low IS 'Lower end of the 95 % interval or bracket.';
COMMENT ON COLUMN report.policy_values.high IS 'Upper end of the 95 % interval or bracket.';
COMMENT ON COLUMN report.policy_values.interval_over IS
    'What the interval is over. issues like these: the issues too are a sample; these issues: only the draw of the arms and the noise of runs are.';
COMMENT ON COLUMN report.policy_values.p_value IS
    'Of a difference: two-sided, Holm-adjusted for all differences of the bench; at most .05 exactly where the interval excludes 0. NULL elsewhere.';
COMMENT ON COLUMN report.policy_values.missing_share IS
    'Share of the policy''s own runs without an outcome, each run weighted as in the estimate; NULL where none of its actions ran.';
COMMENT ON COLUMN report.policy_values.missing_by_class IS
    'The same by reason, as an object: {"infra": 0.01}; its values add up to missing_share.';
COMMENT ON COLUMN report.policy_values.method IS 'How value and interval were made.';
COMMENT ON COLUMN report.policy_values.why_not IS
    'Why the number is refused, and what would correct it; NULL where it is given.';

CREATE VIEW report.oracle_brackets AS
SELECT
    bench_id, quantity, nullif(policy, '') AS policy, estimand, bool_or(estimator = 'point' AND value IS NOT NULL) AS identified,
    max(value) FILTER (WHERE estimator = 'lower') AS at_least,
    max(low) FILTER (WHERE estimator = 'lower') AS at_least_low,
    max(high) FILTER (WHERE estimator = 'lower') AS at_least_high,
    max(value) FILTER (WHERE estimator = 'upper') AS at_most,
    max(low) FILTER (WHERE estimator = 'upper') AS at_most_low,
    max(high) FILTER (WHERE estimator = 'upper') AS at_most_high,
    max(value) FILTER (WHERE estimator = 'point') AS point,
    max(low) FILTER (WHERE estimator = 'point') AS point_low,
    max(high) FILTER (WHERE estimator = 'point') AS point_high,
    max(why_not) FILTER (WHERE estimator = 'lower') AS why_no_bracket,
    max(why_not) FILTER (WHERE estimator = 'point') AS why_no_point
FROM farm.policy_estimates
WHERE quantity IN ('oracle', 'advantage', 'regret')
GROUP BY bench_id, quantity, policy, estimand;

COMMENT ON VIEW report.oracle_brackets IS
    'One row a bench and quantity: the value of the best arm of each case, and how far each policy stays behind it, between what is too low and what is too high on average.';
COMMENT ON COLUMN report.oracle_brackets.bench_id IS 'The bench.';
COMMENT ON COLUMN report.oracle_brackets.quantity IS
    'oracle: the best arm of each case; advantage: the oracle less the mean arm; regret: the oracle less the policy.';
COMMENT ON COLUMN report.oracle_brackets.policy IS
    'The policy whose regret it is; NULL for the other quantities.';
COMMENT ON COLUMN report.oracle_brackets.estimand IS
    'What the numbers are of: pass_own_budget, or regret or advantage in it.';
COMMENT ON COLUMN report.oracle_brackets.identified IS
    'Whether there is a point; without arms that ran twice there is only the bracket.';
COMMENT ON COLUMN report.oracle_brackets.at_least IS
    'Chosen and scored on different runs: too low on average.';
COMMENT ON COLUMN report.oracle_brackets.at_least_low IS 'Lower end of its 95 % interval.';
COMMENT ON COLUMN report.oracle_brackets.at_least_high IS 'Upper end of its 95 % interval.';
COMMENT ON COLUMN report.oracle_brackets.at_most IS
    'Of the highest observed means: too high on average, by the winner''s curse.';
COMMENT ON COLUMN report.oracle_brackets.at_most_low IS 'Lower end of its 95 % interval.';
COMMENT ON COLUMN report.oracle_brackets.at_most_high IS 'Upper end of its 95 % interval.';
COMMENT ON COLUMN report.oracle_brackets.point IS
    'Posterior mean by empirical Bayes; NULL where not identified.';
COMMENT ON COLUMN report.oracle_brackets.point_low IS 'Lower end of its 95 % interval.';
COMMENT ON COLUMN report.oracle_brackets.point_high IS 'Upper end of its 95 % interval.';
COMMENT ON COLUMN report.oracle_brackets.why_no_bracket IS
    'Why there is no bracket; NULL where there is one.';
COMMENT ON COLUMN report.oracle_brackets.why_no_point IS
    'Why there is no point, and what would correct it; NULL where there is one.';
