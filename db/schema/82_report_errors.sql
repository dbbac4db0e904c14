-- Errors by action: a tool that turns its failures into errors is seen here, not in its pass rate.

CREATE VIEW report.errors_by_action AS
SELECT
    e.bench_id, e.swarm_id, e.max_candidates_bin, e.max_minutes_bin, e.max_iterations_bin,
    e.error_class, e.errors, e.lost / nullif(r.ended, 0) AS error_share
FROM (
    SELECT
        w.bench_id, w.swarm_id, w.max_candidates_bin, w.max_minutes_bin, w.max_iterations_bin, o.error_class,
        count(*) AS errors,
        coalesce(sum(w.weight) FILTER (WHERE NOT w.is_race OR x.replicate > 0), 0) AS lost
    FROM report.weighted_arms w
    JOIN farm.executions x ON x.arm_id = w.arm_id
    JOIN farm.outcomes o ON o.execution_id = x.execution_id AND o.status = 'error'
    GROUP BY w.bench_id, w.swarm_id, w.max_candidates_bin, w.max_minutes_bin, w.max_iterations_bin, o.error_class
) e
JOIN (
    SELECT
        bench_id, swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin,
        sum(weight * rated_executions) AS ended
    FROM report.weighted_arms
    GROUP BY bench_id, swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin
) r USING (bench_id, swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin);

COMMENT ON VIEW report.errors_by_action IS
    'One row a bench, action and error class: executions that ended as error, which no pass rate has.';
COMMENT ON COLUMN report.errors_by_action.bench_id IS 'The bench.';
COMMENT ON COLUMN report.errors_by_action.swarm_id IS 'Action: topology, serial_handoff or speculate_vote.';
COMMENT ON COLUMN report.errors_by_action.max_candidates_bin IS
    'Action: candidates; NA is the configured default.';
COMMENT ON COLUMN report.errors_by_action.max_minutes_bin IS
    'Action: minutes a candidate; NA is the configured default.';
COMMENT ON COLUMN report.errors_by_action.max_iterations_bin IS
    'Action: rounds a candidate; NA is the configured default.';
COMMENT ON COLUMN report.errors_by_action.error_class IS 'The class of the errors.';
COMMENT ON COLUMN report.errors_by_action.errors IS 'Executions of the action that ended in it.';
COMMENT ON COLUMN report.errors_by_action.error_share IS
    'Their share of the executions of the action with an outcome, weighted as its pass rate is.';
