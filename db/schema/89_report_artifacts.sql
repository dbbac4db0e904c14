-- What executions produced: one row a file, wherever its bytes are.

CREATE VIEW report.artifacts AS
SELECT
    e.bench_id, e.case_id, e.arm_id, a.execution_id, a.attempt, a.candidate, k.workcell_id, t.machine_id,
    coalesce(o.attempt = a.attempt AND o.chosen = a.candidate, false) AS is_chosen,
    a.name, a.size, a.stored_size, a.left_out, a.store, a.digest, a.stored_at, a.pruned_at
FROM farm.artifacts a
JOIN farm.executions e ON e.execution_id = a.execution_id
JOIN farm.attempts t ON t.execution_id = a.execution_id AND t.attempt = a.attempt
LEFT JOIN farm.candidates k
    ON k.execution_id = a.execution_id AND k.attempt = a.attempt AND k.candidate = a.candidate
LEFT JOIN farm.outcomes o ON o.execution_id = a.execution_id;

COMMENT ON VIEW report.artifacts IS
    'One row a file that a candidate left: its patch, logs and conversation. `bench show` and `bench diff` print them.';
COMMENT ON COLUMN report.artifacts.bench_id IS 'The bench.';
COMMENT ON COLUMN report.artifacts.case_id IS 'The case: one issue in one bench.';
COMMENT ON COLUMN report.artifacts.arm_id IS 'The arm.';
COMMENT ON COLUMN report.artifacts.execution_id IS 'The execution.';
COMMENT ON COLUMN report.artifacts.attempt IS 'The attempt that left it.';
COMMENT ON COLUMN report.artifacts.candidate IS 'Number of the candidate in its execution, from 0.';
COMMENT ON COLUMN report.artifacts.workcell_id IS
    'The workcell: x<execution>-a<attempt>-c<candidate>-<hash of the lease>; NULL until its result is recorded.';
COMMENT ON COLUMN report.artifacts.machine_id IS 'The machine that ran it.';
COMMENT ON COLUMN report.artifacts.is_chosen IS 'Whether its candidate won the vote of a scored execution.';
COMMENT ON COLUMN report.artifacts.name IS 'Path in the archive of the workcell, such as patch.diff.';
COMMENT ON COLUMN report.artifacts.size IS 'Bytes of the file, as the candidate left it.';
COMMENT ON COLUMN report.artifacts.stored_size IS 'Bytes stored, compressed.';
COMMENT ON COLUMN report.artifacts.left_out IS
    'Bytes left out, marked in the text, to stay within the limit of the store; 0 where it is whole.';
COMMENT ON COLUMN report.artifacts.store IS 'Where the bytes are: postgres: or the URL of an object store.';
COMMENT ON COLUMN report.artifacts.digest IS 'SHA-256 of the stored bytes; NULL where they were not kept.';
COMMENT ON COLUMN report.artifacts.stored_at IS 'When it was stored: before the attempt completed.';
COMMENT ON COLUMN report.artifacts.pruned_at IS 'When `bench archives prune` deleted its bytes; NULL while they exist.';
