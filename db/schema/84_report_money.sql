-- Benches, their caps and what was spent.

CREATE VIEW report.benches AS
SELECT
    b.bench_id, b.created_at, b.state, b.halt_reason, b.finished_at, b.slice, b.strategy, b.k, b.seed,
    b.objective, b.config_hash,
    coalesce(c.cases, 0) AS cases, coalesce(c.finished, 0) AS cases_finished,
    coalesce(c.won, 0) AS cases_won, coalesce(c.invalid, 0) AS cases_invalid,
    coalesce(c.skipped, 0) AS cases_skipped, coalesce(c.cancelled, 0) AS cases_cancelled,
    coalesce(e.executions, 0) AS executions, coalesce(e.done, 0) AS executions_done,
    coalesce(e.error, 0) AS executions_error, coalesce(e.dropped, 0) AS executions_dropped,
    coalesce(e.running, 0) AS executions_running, coalesce(e.waiting, 0) AS executions_waiting,
    coalesce(e.paused, 0) AS executions_paused, e.live_micro_usd, e.live_micro_usd / 1000000.0 AS live_usd,
    k.usd_spent AS spent_micro_usd, k.usd_spent / 1000000.0 AS spent_usd,
    coalesce(c.error, 0) AS cases_error,
    coalesce(e.done + e.error, 0) AS executions_ran, coalesce(e.skipped, 0) AS executions_skipped,
    coalesce(e.cancelled, 0) AS executions_cancelled, coalesce(e.invalid, 0) AS executions_invalid,
    coalesce(e.unchecked, 0) AS executions_unchecked, b.notes
FROM farm.benches b
JOIN farm.caps k USING (bench_id)
LEFT JOIN (
    SELECT
        bench_id, count(*) AS cases,
        count(*) FILTER (WHERE state = 'finished') AS finished,
        count(v.winner_arm_id) AS won,
        count(*) FILTER (WHERE state = 'invalid') AS invalid,
        count(*) FILTER (WHERE state = 'skipped') AS skipped,
        count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
        count(*) FILTER (WHERE state = 'error') AS error
    FROM farm.cases LEFT JOIN farm.verdicts v USING (case_id) GROUP BY bench_id
) c USING (bench_id)
LEFT JOIN (
    SELECT
        x.bench_id, count(*) AS executions,
        count(*) FILTER (WHERE x.state = 'done') AS done,
        count(*) FILTER (WHERE x.state = 'error') AS error,
        count(*) FILTER (WHERE x.state IN ('skipped', 'cancelled')) AS dropped,
        count(*) FILTER (WHERE x.state = 'skipped' AND y.state NOT IN ('invalid', 'error')) AS skipped,
        count(*) FILTER (WHERE x.state = 'cancelled') AS cancelled,
        count(*) FILTER (WHERE x.state = 'skipped' AND y.state = 'invalid') AS invalid,
        count(*) FILTER (WHERE x.state = 'skipped' AND y.state = 'error') AS unchecked,
        count(*) FILTER (WHERE x.state = 'running') AS running,
        count(*) FILTER (WHERE x.state IN ('pending', 'ready')) AS waiting,
        count(o.queue) FILTER (WHERE x.state IN ('pending', 'ready')) AS paused,
        sum(x.spent_micro_usd)::bigint AS live_micro_usd
    FROM farm.executions x JOIN farm.cases y USING (case_id)
    LEFT JOIN farm.circuits o ON o.queue = x.queue AND o.opened_at IS NOT NULL
    WHERE x.arm_id IS NOT NULL GROUP BY x.bench_id
) e USING (bench_id);

COMMENT ON VIEW report.benches IS
    'One row a bench: its state and progress.';
COMMENT ON COLUMN report.benches.bench_id IS 'The bench.';
COMMENT ON COLUMN report.benches.created_at IS 'When it was submitted.';
COMMENT ON COLUMN report.benches.state IS 'open, halted, finished or cancelled.';
COMMENT ON COLUMN report.benches.halt_reason IS 'Why it is halted.';
COMMENT ON COLUMN report.benches.finished_at IS 'When it was over.';
COMMENT ON COLUMN report.benches.slice IS 'The named slice the bench was submitted with.';
COMMENT ON COLUMN report.benches.strategy IS 'Sampling strategy that picked the arms.';
COMMENT ON COLUMN report.benches.k IS 'Arms a case that were asked for.';
COMMENT ON COLUMN report.benches.seed IS 'Seed of the sampling.';
COMMENT ON COLUMN report.benches.objective IS 'What makes a winner, after the pass rate.';
COMMENT ON COLUMN report.benches.config_hash IS
    'SHA-256 of its config: benches with different ones are not to be mixed.';
COMMENT ON COLUMN report.benches.cases IS 'Cases.';
COMMENT ON COLUMN report.benches.cases_finished IS 'Cases with a verdict.';
COMMENT ON COLUMN report.benches.cases_won IS 'Cases with a winner.';
COMMENT ON COLUMN report.benches.cases_invalid IS 'Cases whose issue cannot be benched: excluded before any spend.';
COMMENT ON COLUMN report.benches.cases_skipped IS 'Cases that a cap left out.';
COMMENT ON COLUMN report.benches.cases_cancelled IS 'Cases that were cancelled.';
COMMENT ON COLUMN report.benches.executions IS 'Executions of its arms.';
COMMENT ON COLUMN report.benches.executions_done IS 'Executions with a label.';
COMMENT ON COLUMN report.benches.executions_error IS 'Executions that ended as error.';
COMMENT ON COLUMN report.benches.executions_dropped IS 'Executions that were skipped or cancelled.';
COMMENT ON COLUMN report.benches.executions_running IS 'Executions that run now.';
COMMENT ON COLUMN report.benches.executions_waiting IS 'Executions that are pending or ready.';
COMMENT ON COLUMN report.benches.executions_paused IS
    'Those of them whose capability class is paused, because its provider fails: see report.circuits.';
COMMENT ON COLUMN report.benches.live_micro_usd IS
    'Micro-dollars metered so far of what runs now, not part of spent; NULL where nothing is metered.';
COMMENT ON COLUMN report.benches.live_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.benches.spent_micro_usd IS 'Micro-dollars spent so far.';
COMMENT ON COLUMN report.benches.spent_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.benches.cases_error IS
    'Cases whose environment failed before any spend, as their set-up; `bench resume` retries them.';
COMMENT ON COLUMN report.benches.executions_ran IS 'Executions that ran: done and error.';
COMMENT ON COLUMN report.benches.executions_skipped IS 'Executions that a cap or a race left out.';
COMMENT ON COLUMN report.benches.executions_cancelled IS 'Executions that were cancelled.';
COMMENT ON COLUMN report.benches.executions_invalid IS 'Executions that never ran, because their issue is invalid.';
COMMENT ON COLUMN report.benches.executions_unchecked IS
    'Executions that never ran, because the environment of their case failed.';
COMMENT ON COLUMN report.benches.notes IS
    'What its submission noted: uncommitted changes of a source repository, which are not benched.';

CREATE VIEW report.spend_against_caps AS
SELECT
    k.scope, coalesce(k.bench_id, c.bench_id) AS bench_id, k.case_id, c.issue_id, k.day,
    k.usd_limit AS limit_micro_usd, k.usd_limit / 1000000.0 AS limit_usd,
    k.usd_spent AS spent_micro_usd, k.usd_spent / 1000000.0 AS spent_usd,
    k.usd_reserved AS reserved_micro_usd, k.usd_reserved / 1000000.0 AS reserved_usd,
    k.usd_limit - k.usd_spent - k.usd_reserved AS left_micro_usd,
    (k.usd_limit - k.usd_spent - k.usd_reserved) / 1000000.0 AS left_usd,
    k.usd_overrun AS overrun_micro_usd, k.usd_overrun / 1000000.0 AS overrun_usd,
    k.ms_limit / 60000.0 AS limit_minutes, k.ms_spent / 60000.0 AS spent_minutes,
    k.ms_reserved / 60000.0 AS reserved_minutes,
    k.executions_limit AS limit_executions, k.executions_spent AS spent_executions,
    k.executions_reserved AS reserved_executions
FROM farm.caps k
LEFT JOIN farm.cases c ON c.case_id = k.case_id;

COMMENT ON VIEW report.spend_against_caps IS
    'One row a cap: of a bench, of a case, or of a day (UTC) over all benches. NULL limit: none. spent + reserved never exceeds a limit.';
COMMENT ON COLUMN report.spend_against_caps.scope IS 'bench, case or day.';
COMMENT ON COLUMN report.spend_against_caps.bench_id IS 'The bench; NULL for a day.';
COMMENT ON COLUMN report.spend_against_caps.case_id IS 'The case, where the cap is one of a case.';
COMMENT ON COLUMN report.spend_against_caps.issue_id IS 'The issue of that case.';
COMMENT ON COLUMN report.spend_against_caps.day IS 'The day (UTC), where the cap is one of a day.';
COMMENT ON COLUMN report.spend_against_caps.limit_micro_usd IS 'The cap in micro-dollars.';
COMMENT ON COLUMN report.spend_against_caps.limit_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.spend_against_caps.spent_micro_usd IS 'Spent, in micro-dollars.';
COMMENT ON COLUMN report.spend_against_caps.spent_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.spend_against_caps.reserved_micro_usd IS
    'Set aside for what is ready or runs, in micro-dollars.';
COMMENT ON COLUMN report.spend_against_caps.reserved_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.spend_against_caps.left_micro_usd IS
    'What can still be set aside, in micro-dollars.';
COMMENT ON COLUMN report.spend_against_caps.left_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.spend_against_caps.overrun_micro_usd IS
    'Spent beyond reservations, in micro-dollars; not part of spent.';
COMMENT ON COLUMN report.spend_against_caps.overrun_usd IS 'The same in dollars.';
COMMENT ON COLUMN report.spend_against_caps.limit_minutes IS 'The cap in minutes of worker time.';
COMMENT ON COLUMN report.spend_against_caps.spent_minutes IS 'Minutes spent.';
COMMENT ON COLUMN report.spend_against_caps.reserved_minutes IS 'Minutes set aside.';
COMMENT ON COLUMN report.spend_against_caps.limit_executions IS 'The cap in executions.';
COMMENT ON COLUMN report.spend_against_caps.spent_executions IS 'Executions over.';
COMMENT ON COLUMN report.spend_against_caps.reserved_executions IS 'Executions set aside.';
