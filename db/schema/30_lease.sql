-- Claim, heartbeat, complete, release: one round trip each. Every one takes the row lock first, then reads the
-- clock, then checks state, attempt and token. The token is the client's own and makes a repeated call harmless.

CREATE FUNCTION farm.bin(p_value int) RETURNS jsonb LANGUAGE sql IMMUTABLE AS
$$ SELECT coalesce(to_jsonb(p_value), '"NA"') $$;

CREATE FUNCTION farm.rfc3339(p_at timestamptz) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') $$;

CREATE FUNCTION farm.planner_block(b farm.benches, c farm.cases, a farm.arms) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'planner_input', c.planner_input,
        'planner_action', coalesce(c.decision -> 'planner_action', jsonb_build_object(
            'schema_version', 'cyntra.planner_action.v1', 'created_at', farm.rfc3339(b.created_at),
            'swarm_id', a.swarm_id, 'input_hash', c.input_hash,
            'budgets', jsonb_build_object('max_candidates_bin', farm.bin(a.max_candidates),
                'max_minutes_bin', farm.bin(a.max_minutes), 'max_iterations_bin', farm.bin(a.max_iterations)))),
        'policy_trace', coalesce(c.decision -> 'policy_trace', jsonb_build_object(
            'schema_version', 'cyntra.planner_policy_trace.v1', 'policy_id', 'bench:' || a.strategy,
            'policy_mode', 'off', 'candidate_set_hash', NULL, 'propensity_executed', a.propensity,
            'exploration', jsonb_build_object('enabled', false),
            'stability', jsonb_build_object('kernel_config_hash', b.config_hash))))
$$;

-- The commit on which an execution runs the gates of its case, where that is not its base; else NULL.
CREATE FUNCTION farm.checked_commit(p_execution bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT commit_id FROM farm.checks WHERE execution_id = p_execution);
END $$;

CREATE FUNCTION farm.work_order(p_execution bigint, p_lease_seconds double precision) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
    SELECT jsonb_build_object(
        'execution_id', e.execution_id, 'attempt', e.attempt, 'lease_token', e.lease_token,
        'lease_seconds', p_lease_seconds, 'kind',
        CASE WHEN k.commit_id IS NOT NULL THEN 'check' WHEN a.arm_id IS NULL THEN 'baseline' ELSE 'arm' END,
        'bench_id', e.bench_id, 'issue', c.issue, 'job_type', c.job_type, 'workcell',
        CASE WHEN k.commit_id IS NULL THEN c.workcell
             ELSE c.workcell - 'known_good' || jsonb_build_object('base', k.commit_id) END,
        'action', a.planned, 'seed', e.seed, 'baseline', coalesce(c.baseline, '[]'),
        'reserved_micro_usd', e.worst_micro_usd,
        'planner', CASE WHEN a.arm_id IS NULL THEN '{}' ELSE farm.planner_block(b, c, a) END)
    FROM farm.executions e
    JOIN farm.cases c USING (case_id)
    JOIN farm.benches b ON b.bench_id = e.bench_id
    LEFT JOIN farm.arms a ON a.arm_id = e.arm_id
    LEFT JOIN farm.checks k ON k.execution_id = e.execution_id
    WHERE e.execution_id = p_execution);
END $$;

-- A lease ends: between 5 seconds and an hour from now, whatever was asked for.
CREATE FUNCTION farm.lease_end(p_now timestamptz, p_seconds double precision) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS
$$ SELECT p_now + make_interval(secs => greatest(5, least(3600, p_seconds))) $$;

CREATE FUNCTION farm.claim_execution(
    p_queue text, p_machine text, p_machine_token uuid, p_token uuid, p_lease_seconds double precision)
RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER SET search_path = farm, pg_temp AS $$
DECLARE
    e farm.executions;
    v_now timestamptz;
    v_paused boolean;
BEGIN
    IF NOT farm.is_machine(p_machine, p_machine_token) THEN
        RETURN NULL;
    END IF;
    -- The first saying of this token may still be under way when the second arrives: it waits here.
    INSERT INTO farm.claims VALUES (p_token) ON CONFLICT DO NOTHING;
    DELETE FROM farm.claims WHERE lease_token = p_token;
    SELECT x.* INTO e FROM farm.attempts a JOIN farm.executions x USING (execution_id) WHERE a.lease_token = p_token;
    IF FOUND THEN
        IF e.lease_token IS DISTINCT FROM p_token THEN
            RETURN NULL;
        END IF;
        RETURN farm.work_order(e.execution_id, p_lease_seconds);
    END IF;
    IF EXISTS (SELECT FROM farm.machines WHERE machine_id = p_machine AND suspended) THEN
        RETURN NULL;
    END IF;
    -- In a paused class only the gates of base commits run, which call no provider, and one probe at a time.
    v_paused := farm.is_paused(p_queue);
    SELECT * INTO e FROM farm.executions
    WHERE state = 'ready' AND queue = p_queue AND (not_before IS NULL OR not_before <= clock_timestamp())
      AND (NOT v_paused OR arm_id IS NULL)
    ORDER BY rank, execution_id LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND AND v_paused THEN
        e := farm.take_probe(p_queue);
    END IF;
    IF e.execution_id IS NULL THEN
        RETURN NULL;
    END IF;
    v_now := clock_timestamp();
    UPDATE farm.executions
    SET state = 'running', attempt = attempt + 1, lease_token = p_token, machine_id = p_machine, started_at = v_now,
        lease_until = farm.lease_end(v_now, p_lease_seconds), reason = NULL, hand_back_requested = false
    WHERE execution_id = e.execution_id;
    INSERT INTO farm.attempts (execution_id, attempt, lease_token, machine_id, claimed_at)
    VALUES (e.execution_id, e.attempt + 1, p_token, p_machine, v_now);
    RETURN farm.work_order(e.execution_id, p_lease_seconds);
END $$;

-- p_spent_micro_usd: the metered spend of the attempt so far; NULL from workers that do not meter.
CREATE FUNCTION farm.heartbeat(
    p_execution bigint, p_attempt int, p_token uuid, p_lease_seconds double precision,
    p_spent_micro_usd bigint DEFAULT NULL)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = farm, pg_temp AS $$
DECLARE
    e farm.executions;
    v_now timestamptz;
BEGIN
    SELECT * INTO e FROM farm.executions WHERE execution_id = p_execution FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    IF NOT FOUND OR e.state <> 'running' OR e.attempt <> p_attempt OR e.lease_token <> p_token THEN
        RETURN 'fenced';
    END IF;
    UPDATE farm.executions
    SET lease_until = farm.lease_end(v_now, p_lease_seconds),
        spent_micro_usd = CASE WHEN p_spent_micro_usd BETWEEN 0 AND 1e15 THEN p_spent_micro_usd ELSE spent_micro_usd END
    WHERE execution_id = p_execution;
    IF p_spent_micro_usd > 0 THEN
        PERFORM farm.close_by_probe(e);
    END IF;
    RETURN CASE
        WHEN e.cancel_requested THEN 'cancel'
        WHEN e.hand_back_requested THEN 'hand_back'
        WHEN v_now > e.started_at + make_interval(secs => e.deadline_seconds) THEN 'deadline'
        WHEN farm.is_followed(p_execution) THEN 'send_output'
        ELSE 'go_on'
    END;
END $$;

-- End the current attempt of a locked, running execution; its money is settled by the caller.
CREATE FUNCTION farm.end_attempt(p_execution bigint, p_attempt int, p_ending text, p_message text, p_result jsonb)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE farm.attempts
    SET ending = p_ending, ended_at = clock_timestamp(), message = p_message,
        micro_usd = (p_result ->> 'micro_usd')::bigint, result = p_result
    WHERE execution_id = p_execution AND attempt = p_attempt;
    PERFORM farm.forget_output(p_execution);
END $$;

-- Leave `running` for a terminal state. A check that failed ends its case: as invalid where the issue cannot be benched;
-- as error, which `bench resume` retries, where its environment failed (set-up, repository, machine).
CREATE FUNCTION farm.finish(p_execution bigint, p_state text, p_reason text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    e farm.executions;
BEGIN
    UPDATE farm.executions
    SET state = p_state, finished_at = clock_timestamp(), lease_token = NULL, lease_until = NULL,
        spent_micro_usd = NULL, reason = p_reason
    WHERE execution_id = p_execution RETURNING * INTO e;
    IF e.arm_id IS NOT NULL THEN
        UPDATE farm.cases SET open_executions = open_executions - 1 WHERE case_id = e.case_id;
    ELSIF p_state <> 'done' AND farm.checked_commit(p_execution) IS NULL THEN
        PERFORM farm.reject_case(e.case_id, CASE
            WHEN p_state = 'cancelled' THEN 'cancelled'
            WHEN EXISTS (SELECT FROM farm.outcomes
                         WHERE execution_id = p_execution AND error_class = 'invalid_issue') THEN 'invalid'
            ELSE 'error' END, p_reason);
    END IF;
END $$;

-- Leave `running` to be run again: with a fresh reservation at once, or pending until the caps allow one.
-- The caller has the row of today (farm.ensure_day) before it locks a cap: making that row may wait for
-- another transaction that makes it, and that one then locks caps.
CREATE FUNCTION farm.requeue(p_execution bigint, p_day date, p_not_before timestamptz, p_reason text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    e farm.executions;
    v_state text := 'ready';
    v_open boolean;
BEGIN
    SELECT * INTO e FROM farm.executions WHERE execution_id = p_execution;
    IF e.cancel_requested THEN
        PERFORM farm.finish(p_execution, 'cancelled', 'cancelled');
        RETURN;
    END IF;
    IF e.arm_id IS NOT NULL THEN
        SELECT state = 'open' INTO v_open FROM farm.benches WHERE bench_id = e.bench_id;
        -- The case before its caps: the lock order.
        PERFORM FROM farm.cases WHERE case_id = e.case_id FOR NO KEY UPDATE;
        IF v_open AND farm.refusal(e.bench_id, e.case_id, p_day, e.worst_micro_usd, e.worst_ms, 1) IS NULL THEN
            PERFORM farm.reserve(e.bench_id, e.case_id, p_day, ARRAY[p_execution]);
        ELSE
            v_state := 'pending';
            UPDATE farm.cases SET state = 'pending' WHERE case_id = e.case_id AND state = 'admitted';
        END IF;
    END IF;
    UPDATE farm.executions
    SET state = v_state, lease_token = NULL, lease_until = NULL, spent_micro_usd = NULL, not_before = p_not_before,
        reason = p_reason
    WHERE execution_id = p_execution;
END $$;
