-- What went wrong, who did it, and what was never tried.

CREATE VIEW report.attempts AS
SELECT
    e.bench_id, e.case_id, e.arm_id, a.execution_id, a.attempt,
    e.arm_id IS NULL AND NOT EXISTS (SELECT FROM farm.checks k WHERE k.execution_id = e.execution_id) AS is_baseline_check,
    a.machine_id, a.ending, a.claimed_at, a.ended_at,
    extract(epoch FROM a.ended_at - a.claimed_at)::double precision AS seconds,
    a.message AS evidence, a.micro_usd, a.micro_usd / 1000000.0 AS usd,
    CASE WHEN a.ending = 'running' THEN e.spent_micro_usd END AS live_micro_usd,
    CASE WHEN a.ending = 'running' THEN e.spent_micro_usd / 1000000.0 END AS live_usd,
    a.late_result IS NOT NULL AS has_late_result,
    s.spent_micro_usd, s.spent_micro_usd / 1000000.0 AS spent_usd
FROM farm.attempts a
JOIN farm.executions e USING (execution_id)
LEFT JOIN report.attempt_spend s ON s.execution_id = a.execution_id AND s.attempt = a.attempt;

COMMENT ON VIEW report.attempts IS
    'One row an attempt: every lease of every execution, the baseline gates included.';
COMMENT ON COLUMN report.attempts.bench_id IS 'The bench.';
COMMENT ON COLUMN report.attempts.case_id IS 'The case: one issue in one bench.';
COMMENT ON COLUMN report.attempts.arm_id IS 'The arm; NULL for the baseline gates, and for gates on a merge result.';
COMMENT ON COLUMN report.attempts.execution_id IS 'The execution.';
COMMENT ON COLUMN report.attempts.attempt IS
    'Number of the attempt within its execution; a take-back leaves a gap.';
COMMENT ON COLUMN report.attempts.is_baseline_check IS
    'Whether the gates were run on the base commit, before any spend.';
COMMENT ON COLUMN report.attempts.machine_id IS 'The machine that held the lease.';
COMMENT ON COLUMN report.attempts.ending IS 'running, done, error, lost, released or cancelled.';
COMMENT ON COLUMN report.attempts.claimed_at IS 'When it was claimed.';
COMMENT ON COLUMN report.attempts.ended_at IS 'When it ended; NULL while it runs.';
COMMENT ON COLUMN report.attempts.seconds IS 'How long the lease was held.';
COMMENT ON COLUMN report.attempts.evidence IS 'Evidence of how it ended.';
COMMENT ON COLUMN report.attempts.micro_usd IS 'What it cost in micro-dollars; NULL: not known (yet).';
COMMENT ON COLUMN report.attempts.usd IS 'The same in dollars.';
COMMENT ON COLUMN report.attempts.live_micro_usd IS
    'Metered so far, in micro-dollars, while it runs; NULL where it is over or not metered.';
COMMENT ON COLUMN report.attempts.live_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.attempts.has_late_result IS
    'Whether a result came after the lease was lost: stored, never scored.';
COMMENT ON COLUMN report.attempts.spent_micro_usd IS
    'What counts as spent on it, in micro-dollars: see report.attempt_spend; NULL where it was not settled (yet).';
COMMENT ON COLUMN report.attempts.spent_usd IS 'The same in dollars.';

CREATE VIEW report.infrastructure_errors AS
SELECT
    e.bench_id, coalesce(a.result ->> 'error_class', a.ending) AS error_class, a.machine_id,
    count(*) AS attempts,
    count(o.execution_id) AS executions_ended,
    count(*) - count(o.execution_id) AS run_again,
    min(a.ended_at) AS first_at, max(a.ended_at) AS last_at,
    (array_agg(a.message ORDER BY a.ended_at DESC, a.execution_id))[1] AS last_evidence,
    (array_agg(a.execution_id ORDER BY a.ended_at DESC, a.execution_id))[1] AS last_execution_id
FROM farm.attempts a
JOIN farm.executions e USING (execution_id)
LEFT JOIN farm.outcomes o ON o.execution_id = a.execution_id AND o.attempt = a.attempt AND e.arm_id IS NOT NULL
WHERE a.ending IN ('error', 'lost')
GROUP BY 1, 2, 3;

COMMENT ON VIEW report.infrastructure_errors IS
    'One row a bench, error class and machine: attempts without evidence about their arm. Never scored as failures.';
COMMENT ON COLUMN report.infrastructure_errors.bench_id IS 'The bench.';
COMMENT ON COLUMN report.infrastructure_errors.error_class IS
    'infra, provider, killed_by_cap, lost or invalid_issue.';
COMMENT ON COLUMN report.infrastructure_errors.machine_id IS 'The machine on which it happened.';
COMMENT ON COLUMN report.infrastructure_errors.attempts IS 'Attempts that ended so.';
COMMENT ON COLUMN report.infrastructure_errors.executions_ended IS
    'Executions of arms that this ended, as error.';
COMMENT ON COLUMN report.infrastructure_errors.run_again IS
    'Attempts that were run again, and checks of baseline gates.';
COMMENT ON COLUMN report.infrastructure_errors.first_at IS 'When it happened first.';
COMMENT ON COLUMN report.infrastructure_errors.last_at IS 'When it happened last.';
COMMENT ON COLUMN report.infrastructure_errors.last_evidence IS 'Evidence of the last one.';
COMMENT ON COLUMN report.infrastructure_errors.last_execution_id IS 'The execution of the last one.';

CREATE VIEW report.circuits AS
SELECT
    c.queue, CASE WHEN c.opened_at IS NULL THEN 'closed' ELSE 'open' END AS state, c.failures, c.failed_at,
    c.reason, c.opened_at, c.probe_at, r.execution_id IS NOT NULL AS probe_runs,
    (SELECT count(*) FROM farm.executions e
     WHERE e.queue = c.queue AND e.state IN ('pending', 'ready') AND e.arm_id IS NOT NULL) AS executions_waiting
FROM farm.circuits c
LEFT JOIN farm.executions r ON r.execution_id = c.probe_execution_id AND r.attempt = c.probe_attempt
    AND r.state = 'running';

COMMENT ON VIEW report.circuits IS
    'One row a capability class whose provider has failed: whether it is paused, why, and until when.';
COMMENT ON COLUMN report.circuits.queue IS 'The capability class: toolchains and machine tags.';
COMMENT ON COLUMN report.circuits.state IS 'open: the class is paused; closed: it runs.';
COMMENT ON COLUMN report.circuits.failures IS 'Failures of the provider in a row, without a result between them.';
COMMENT ON COLUMN report.circuits.failed_at IS 'When it failed last.';
COMMENT ON COLUMN report.circuits.reason IS 'Message of the last failure.';
COMMENT ON COLUMN report.circuits.opened_at IS 'Since when the class is paused.';
COMMENT ON COLUMN report.circuits.probe_at IS 'When one execution tries the provider again.';
COMMENT ON COLUMN report.circuits.probe_runs IS 'Whether that execution runs now.';
COMMENT ON COLUMN report.circuits.executions_waiting IS
    'Executions of arms of the class that are pending or ready, in all benches.';

CREATE VIEW report.unserved_classes AS
SELECT
    w.bench_id, w.queue, q.needs,
    ARRAY(SELECT need FROM unnest(q.needs) AS n (need) WHERE NOT EXISTS (
        SELECT FROM farm.machines m
        WHERE NOT m.suspended AND m.seen_at > now() - interval '1 minute' AND n.need = ANY (m.capabilities))
        ORDER BY need) AS lacking,
    (SELECT count(*) FROM farm.machines m
     WHERE NOT m.suspended AND m.seen_at > now() - interval '1 minute') AS machines_present,
    w.cases_waiting, w.executions_waiting
FROM (
    SELECT c.bench_id, e.queue, count(DISTINCT c.case_id) AS cases_waiting,
        count(*) FILTER (WHERE e.arm_id IS NOT NULL) AS executions_waiting
    FROM farm.benches b JOIN farm.cases c USING (bench_id) JOIN farm.executions e USING (case_id)
    WHERE b.state IN ('open', 'halted') AND c.state IN ('checking', 'pending', 'admitted')
      AND e.state IN ('pending', 'ready')
    GROUP BY c.bench_id, e.queue
) w
JOIN farm.queues q ON q.queue = w.queue
WHERE NOT EXISTS (
    SELECT FROM farm.machines m
    WHERE NOT m.suspended AND m.seen_at > now() - interval '1 minute' AND q.needs <@ m.capabilities);

COMMENT ON VIEW report.unserved_classes IS
    'One row a bench and capability class whose executions wait and that no machine can run: none that is present has all that it needs.';
COMMENT ON COLUMN report.unserved_classes.bench_id IS 'The bench.';
COMMENT ON COLUMN report.unserved_classes.queue IS 'The capability class: toolchains and machine tags.';
COMMENT ON COLUMN report.unserved_classes.needs IS 'What a machine needs for it.';
COMMENT ON COLUMN report.unserved_classes.lacking IS
    'Those that no machine has; empty where each has a machine, but none has all of them.';
COMMENT ON COLUMN report.unserved_classes.machines_present IS
    'Machines that sent a heartbeat within the last minute and are not suspended.';
COMMENT ON COLUMN report.unserved_classes.cases_waiting IS 'Cases of the bench that wait for such a machine.';
COMMENT ON COLUMN report.unserved_classes.executions_waiting IS 'Executions of arms of the class that wait.';

CREATE VIEW report.coverage AS
SELECT
    bench_id, job_type, dk_risk, dk_size, dk_priority,
    swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin,
    count(*) AS arms,
    count(*) FILTER (WHERE observed) AS arms_observed,
    sum(scored)::bigint AS scored,
    sum(passed)::bigint AS passed
FROM report.arm_estimates
GROUP BY bench_id, job_type, dk_risk, dk_size, dk_priority,
    swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin;

COMMENT ON VIEW report.coverage IS
    'One row a bench, issue shape and action that is an arm there: how much of it was tried.';
COMMENT ON COLUMN report.coverage.bench_id IS 'The bench.';
COMMENT ON COLUMN report.coverage.job_type IS 'Issue shape: code, fab-asset or fab-world.';
COMMENT ON COLUMN report.coverage.dk_risk IS 'Issue shape: risk.';
COMMENT ON COLUMN report.coverage.dk_size IS 'Issue shape: size.';
COMMENT ON COLUMN report.coverage.dk_priority IS 'Issue shape: priority.';
COMMENT ON COLUMN report.coverage.swarm_id IS 'Action: topology, serial_handoff or speculate_vote.';
COMMENT ON COLUMN report.coverage.max_candidates_bin IS
    'Action: candidates; NA is the configured default.';
COMMENT ON COLUMN report.coverage.max_minutes_bin IS
    'Action: minutes a candidate; NA is the configured default.';
COMMENT ON COLUMN report.coverage.max_iterations_bin IS
    'Action: rounds a candidate; NA is the configured default.';
COMMENT ON COLUMN report.coverage.arms IS 'Arms with this action in cases of this shape.';
COMMENT ON COLUMN report.coverage.arms_observed IS 'Those with a scored execution.';
COMMENT ON COLUMN report.coverage.scored IS
    'Executions with status success, failed or timeout; without timeouts where the bench skips them.';
COMMENT ON COLUMN report.coverage.passed IS 'Executions with status success.';
