-- The one definition of spend that every report and view uses.

-- An attempt without a settlement (it runs, or was never reserved) has no row.
CREATE VIEW report.attempt_spend AS
SELECT
    s.execution_id, s.attempt,
    s.micro_usd - coalesce(f.micro_usd, 0) + greatest(
        coalesce(a.micro_usd, (coalesce(a.late_result, a.result) ->> 'micro_usd_at_least')::bigint, 0) - r.micro_usd,
        0) AS spent_micro_usd
FROM farm.ledger s
JOIN farm.ledger r ON r.execution_id = s.execution_id AND r.attempt = s.attempt AND r.kind = 'reserve'
LEFT JOIN farm.ledger f ON f.execution_id = s.execution_id AND f.attempt = s.attempt AND f.kind = 'refund'
LEFT JOIN farm.attempts a ON a.execution_id = s.execution_id AND a.attempt = s.attempt
WHERE s.kind = 'settle';

COMMENT ON VIEW report.attempt_spend IS
    'One row an attempt that is over: what was spent on it. The cost per pass of every report and view is the sum over all attempts ÷ passes.';
COMMENT ON COLUMN report.attempt_spend.execution_id IS 'The execution.';
COMMENT ON COLUMN report.attempt_spend.attempt IS 'Number of the attempt within its execution.';
COMMENT ON COLUMN report.attempt_spend.spent_micro_usd IS
    'Micro-dollars spent: its cost, also beyond its reservation and where its result came late; where the cost is unknown, the reservation.';
