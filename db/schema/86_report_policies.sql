-- Registered policies, and what each would have done in the cases it was scored on.

CREATE VIEW report.policies AS
SELECT
    p.name, p.kind, p.checkpoint_id, p.bundle_hash, p.epoch, p.path, p.registered_at,
    coalesce(s.benches, 0) AS benches, coalesce(s.cases, 0) AS cases
FROM farm.policies p
LEFT JOIN (
    SELECT a.policy, count(DISTINCT c.bench_id) AS benches, count(*) AS cases
    FROM farm.policy_actions a JOIN farm.cases c USING (case_id) GROUP BY a.policy
) s ON s.policy = p.name;

COMMENT ON VIEW report.policies IS
    'One row a registered policy: a model bundle that benches can be scored with.';
COMMENT ON COLUMN report.policies.name IS 'The name it was registered under.';
COMMENT ON COLUMN report.policies.kind IS 'Kind of model: mlp, joint, autoregressive, sequence or outcome.';
COMMENT ON COLUMN report.policies.checkpoint_id IS 'Hash of the trained weights.';
COMMENT ON COLUMN report.policies.bundle_hash IS
    'Hash over all files of the bundle: what is at path must still have it when a bench is scored.';
COMMENT ON COLUMN report.policies.epoch IS
    'Policy epoch of the training data: where a bench is of another, rules, gates or toolchains differ; NULL: mixed.';
COMMENT ON COLUMN report.policies.path IS 'Where the bundle lies, on the machine that registered it.';
COMMENT ON COLUMN report.policies.registered_at IS 'When this bundle was registered under this name.';
COMMENT ON COLUMN report.policies.benches IS 'Benches it was scored on.';
COMMENT ON COLUMN report.policies.cases IS 'Cases it was scored on.';

CREATE VIEW report.policy_actions AS
SELECT
    c.bench_id, p.case_id, c.issue_id, c.job_type, c.dk_risk, c.dk_size, c.dk_priority, p.policy,
    p.swarm_id,
    coalesce(p.max_candidates::text, 'NA') AS max_candidates_bin,
    coalesce(p.max_minutes::text, 'NA') AS max_minutes_bin,
    coalesce(p.max_iterations::text, 'NA') AS max_iterations_bin,
    p.canonical_rank, p.confidence, a.arm_id, a.arm_id IS NOT NULL AS is_tried,
    (SELECT array_agg(e.execution_id ORDER BY e.replicate, e.execution_id)
     FROM farm.executions e WHERE e.case_id = p.case_id AND e.arm_id = a.arm_id) AS execution_ids
FROM farm.policy_actions p
JOIN farm.cases c USING (case_id)
LEFT JOIN farm.arms a ON a.case_id = p.case_id AND a.canonical_rank = p.canonical_rank;

COMMENT ON VIEW report.policy_actions IS
    'One row a case and registered policy: what it decides on the planner_input that the case was submitted with.';
COMMENT ON COLUMN report.policy_actions.bench_id IS 'The bench.';
COMMENT ON COLUMN report.policy_actions.case_id IS 'The case: one issue in one bench.';
COMMENT ON COLUMN report.policy_actions.issue_id IS 'The issue of the case.';
COMMENT ON COLUMN report.policy_actions.job_type IS 'Issue shape: code, fab-asset or fab-world.';
COMMENT ON COLUMN report.policy_actions.dk_risk IS 'Issue shape: risk.';
COMMENT ON COLUMN report.policy_actions.dk_size IS 'Issue shape: size.';
COMMENT ON COLUMN report.policy_actions.dk_priority IS 'Issue shape: priority.';
COMMENT ON COLUMN report.policy_actions.policy IS 'The policy, by the name it was registered under.';
COMMENT ON COLUMN report.policy_actions.swarm_id IS
    'Its action: topology, serial_handoff or speculate_vote.';
COMMENT ON COLUMN report.policy_actions.max_candidates_bin IS
    'Its action: candidates; NA is the configured default.';
COMMENT ON COLUMN report.policy_actions.max_minutes_bin IS
    'Its action: minutes a candidate; NA is the configured default.';
COMMENT ON COLUMN report.policy_actions.max_iterations_bin IS
    'Its action: rounds a candidate; NA is the configured default.';
COMMENT ON COLUMN report.policy_actions.canonical_rank IS
    'Place of the action in the canonical order of all actions, from 0.';
COMMENT ON COLUMN report.policy_actions.confidence IS
    'Probability the model gives its action, as the geometric mean over the four heads.';
COMMENT ON COLUMN report.policy_actions.arm_id IS
    'The arm of the case with that action; NULL: it was not tried.';
COMMENT ON COLUMN report.policy_actions.is_tried IS
    'Whether the action is among the arms of the case; observed only where one of its executions was scored.';
COMMENT ON COLUMN report.policy_actions.execution_ids IS 'Executions of that arm, by replicate; NULL: not tried.';

CREATE VIEW report.stream_decisions AS
SELECT
    b.bench_id, c.case_id, c.issue_id, c.run_no, c.job_type, c.dk_risk, c.dk_size, c.dk_priority,
    c.decision #>> '{policy_trace,policy_mode}' AS policy_mode,
    c.decision #>> '{policy_trace,policy_id}' AS policy_id,
    coalesce(x.value ->> 'enabled' = 'true' AND (x.value ->> 'epsilon')::numeric > 0, false) AS is_drawn,
    (x.value ->> 'epsilon')::double precision AS epsilon,
    jsonb_array_length(x.value -> 'safe_set') AS safe_set_size,
    (x.value ->> 'u')::double precision AS u,
    a.propensity,
    coalesce((c.decision ->> 'explored')::boolean, false) AS is_explored,
    coalesce(c.run_no = min(c.run_no) FILTER (WHERE c.state NOT IN ('invalid', 'error'))
        OVER (PARTITION BY c.bench_id, c.issue_id), false) AS is_first,
    a.swarm_id,
    coalesce(a.max_candidates::text, 'NA') AS max_candidates_bin,
    coalesce(a.max_minutes::text, 'NA') AS max_minutes_bin,
    coalesce(a.max_iterations::text, 'NA') AS max_iterations_bin,
    a.canonical_rank, a.planned ->> 'fallback_reason' AS reduced, c.state,
    (SELECT array_agg(e.execution_id ORDER BY e.execution_id)
     FROM farm.executions e WHERE e.case_id = c.case_id AND e.arm_id = a.arm_id) AS execution_ids
FROM farm.benches b
JOIN farm.cases c ON c.bench_id = b.bench_id
JOIN farm.arms a ON a.case_id = c.case_id
CROSS JOIN LATERAL (SELECT c.decision #> '{policy_trace,exploration}' AS value) x
WHERE b.kind = 'stream';

COMMENT ON VIEW report.stream_decisions IS
    'One row a decision of a stream: the action drawn, with its propensity under the logging policy. `bench value STREAM` estimates from the rows that are drawn and first.';
COMMENT ON COLUMN report.stream_decisions.bench_id IS 'The stream.';
COMMENT ON COLUMN report.stream_decisions.case_id IS 'The case: one run of one issue.';
COMMENT ON COLUMN report.stream_decisions.issue_id IS 'The issue.';
COMMENT ON COLUMN report.stream_decisions.run_no IS 'Number of the run of the issue in the stream, from 0.';
COMMENT ON COLUMN report.stream_decisions.job_type IS 'Issue shape: code, fab-asset or fab-world.';
COMMENT ON COLUMN report.stream_decisions.dk_risk IS 'Issue shape: risk.';
COMMENT ON COLUMN report.stream_decisions.dk_size IS 'Issue shape: size.';
COMMENT ON COLUMN report.stream_decisions.dk_priority IS 'Issue shape: priority.';
COMMENT ON COLUMN report.stream_decisions.policy_mode IS 'Rollout of the planner: off, log (shadow) or enforce.';
COMMENT ON COLUMN report.stream_decisions.policy_id IS
    'The policy whose action ran, or was explored around.';
COMMENT ON COLUMN report.stream_decisions.is_drawn IS
    'Whether the action was drawn at random, by epsilon-greedy exploration.';
COMMENT ON COLUMN report.stream_decisions.epsilon IS 'Exploration rate; NULL: the issue was not open to exploration.';
COMMENT ON COLUMN report.stream_decisions.safe_set_size IS
    'Number of actions that could be drawn; NULL: the issue was not open to exploration.';
COMMENT ON COLUMN report.stream_decisions.u IS 'The pseudo-random number of the draw, from 0 to 1.';
COMMENT ON COLUMN report.stream_decisions.propensity IS
    'Probability with which the logging policy drew this action; 1 where nothing was drawn.';
COMMENT ON COLUMN report.stream_decisions.is_explored IS 'Whether another action than the chosen one was drawn.';
COMMENT ON COLUMN report.stream_decisions.is_first IS
    'Whether it is the first decision on the issue in the stream that its baseline check let run; later ones follow a failure.';
COMMENT ON COLUMN report.stream_decisions.swarm_id IS
    'The action drawn: topology, serial_handoff or speculate_vote.';
COMMENT ON COLUMN report.stream_decisions.max_candidates_bin IS
    'The action drawn: candidates; NA is the configured default.';
COMMENT ON COLUMN report.stream_decisions.max_minutes_bin IS
    'The action drawn: minutes a candidate; NA is the configured default.';
COMMENT ON COLUMN report.stream_decisions.max_iterations_bin IS
    'The action drawn: rounds a candidate; NA is the configured default.';
COMMENT ON COLUMN report.stream_decisions.canonical_rank IS
    'Place of the action in the canonical order of all actions, from 0.';
COMMENT ON COLUMN report.stream_decisions.reduced IS
    'Why fewer candidates or minutes than drawn were run; NULL: it ran as drawn.';
COMMENT ON COLUMN report.stream_decisions.state IS 'State of the case.';
COMMENT ON COLUMN report.stream_decisions.execution_ids IS 'The executions of the run.';
