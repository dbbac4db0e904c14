-- Cases become ready all or none; what the caps can never hold is skipped by name.

-- End a case that will not run: its waiting executions are skipped or cancelled with it.
CREATE FUNCTION farm.reject_case(p_case bigint, p_state text, p_reason text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_n int;
BEGIN
    UPDATE farm.executions
    SET state = CASE WHEN p_state = 'cancelled' THEN 'cancelled' ELSE 'skipped' END,
        finished_at = clock_timestamp(), reason = p_reason
    WHERE case_id = p_case AND state = 'pending' AND arm_id IS NOT NULL;
    GET DIAGNOSTICS v_n = ROW_COUNT;
    UPDATE farm.cases
    SET open_executions = open_executions - v_n, reason = p_reason,
        -- Arms that ran already keep the case alive: its winner is chosen among them.
        state = CASE WHEN EXISTS (SELECT FROM farm.executions e JOIN farm.outcomes USING (execution_id)
                                  WHERE e.case_id = p_case AND e.arm_id IS NOT NULL)
                       OR open_executions - v_n > 0 THEN 'admitted' ELSE p_state END
    WHERE case_id = p_case;
    UPDATE farm.cases SET finished_at = clock_timestamp() WHERE case_id = p_case AND state = p_state;
END $$;

-- What its bench's race dropped before the case came up is left out, by name and at no cost.
CREATE FUNCTION farm.leave_out_dropped(p_case bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_n int;
BEGIN
    UPDATE farm.executions e
    SET state = 'skipped', finished_at = clock_timestamp(),
        reason = format('racing: dropped, e = %s after %s issues', round((d.value ->> 'e')::numeric), d.value ->> 'issues')
    FROM farm.arms a, farm.benches b, jsonb_each(b.race -> 'dropped') d
    WHERE e.case_id = p_case AND e.state = 'pending' AND a.arm_id = e.arm_id AND b.bench_id = e.bench_id
      AND d.key = a.canonical_rank::text AND a.stratum <> 'baseline';
    GET DIAGNOSTICS v_n = ROW_COUNT;
    UPDATE farm.cases SET open_executions = open_executions - v_n WHERE case_id = p_case AND v_n > 0;
END $$;

-- 'admitted', 'waits: <cap or provider>', 'never: <cap>' (then skipped) or 'gone' where there is nothing to admit any more.
CREATE FUNCTION farm.admit_case(p_case bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    c farm.cases;
    v_ids bigint[];
    v_usd bigint;
    v_ms bigint;
    v_verdict text;
    v_paused text;
    v_day date := farm.ensure_day();
BEGIN
    SELECT array_agg(execution_id), sum(worst_micro_usd), sum(worst_ms) INTO v_ids, v_usd, v_ms FROM (
        SELECT execution_id, worst_micro_usd, worst_ms FROM farm.executions
        WHERE case_id = p_case AND state = 'pending' AND arm_id IS NOT NULL
        ORDER BY execution_id FOR UPDATE) waiting;
    SELECT * INTO c FROM farm.cases WHERE case_id = p_case FOR NO KEY UPDATE;
    IF v_ids IS NULL OR c.state <> 'pending'
       OR (SELECT state FROM farm.benches WHERE bench_id = c.bench_id) <> 'open' THEN
        RETURN 'gone';
    END IF;
    IF (SELECT coalesce(race -> 'dropped', '{}') <> '{}' FROM farm.benches WHERE bench_id = c.bench_id) THEN
        PERFORM farm.leave_out_dropped(p_case);
        SELECT array_agg(execution_id), sum(worst_micro_usd), sum(worst_ms) INTO v_ids, v_usd, v_ms
        FROM farm.executions WHERE execution_id = ANY (v_ids) AND state = 'pending';
        IF v_ids IS NULL THEN
            UPDATE farm.cases SET state = 'admitted', reason = NULL WHERE case_id = p_case;
            RETURN 'admitted';
        END IF;
    END IF;
    v_paused := farm.paused_class(v_ids);
    v_verdict := CASE WHEN v_paused IS NOT NULL THEN 'waits: the provider of ' || v_paused
                      ELSE farm.refusal(c.bench_id, p_case, v_day, v_usd, v_ms, cardinality(v_ids)) END;
    IF v_verdict IS NULL THEN
        PERFORM farm.reserve(c.bench_id, p_case, v_day, v_ids);
        UPDATE farm.executions SET state = 'ready', reason = NULL WHERE execution_id = ANY (v_ids);
        UPDATE farm.cases SET state = 'admitted', reason = NULL WHERE case_id = p_case;
        RETURN 'admitted';
    END IF;
    IF v_verdict LIKE 'never: %' THEN
        PERFORM farm.reject_case(p_case, 'skipped', 'cap: ' || substr(v_verdict, 8));
    ELSE
        UPDATE farm.cases SET reason = v_verdict WHERE case_id = p_case AND reason IS DISTINCT FROM v_verdict;
    END IF;
    RETURN v_verdict;
END $$;

-- What was admitted in a halted bench and does not run yet waits for `resume`; its money is free again.
CREATE FUNCTION farm.take_back(p_bench text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_ids bigint[];
BEGIN
    SELECT array_agg(execution_id) INTO v_ids FROM (
        SELECT e.execution_id FROM farm.cases c JOIN farm.executions e USING (case_id)
        WHERE c.bench_id = p_bench AND e.state = 'ready' AND e.arm_id IS NOT NULL
        ORDER BY e.execution_id FOR UPDATE OF e SKIP LOCKED) waiting;
    IF v_ids IS NULL THEN
        RETURN 0;
    END IF;
    UPDATE farm.cases SET state = 'pending'
    WHERE state = 'admitted' AND case_id IN (SELECT case_id FROM farm.executions WHERE execution_id = ANY (v_ids));
    PERFORM farm.unreserve(p_bench, v_ids);
    UPDATE farm.executions SET state = 'pending', attempt = attempt + 1 WHERE execution_id = ANY (v_ids);
    RETURN cardinality(v_ids);
END $$;

CREATE FUNCTION farm.cancel_bench(p_bench text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_ids bigint[];
    v_running bigint[];
BEGIN
    -- All that is not over is locked at once, the running too: none may be requeued behind our back.
    SELECT array_agg(execution_id) FILTER (WHERE state IN ('pending', 'ready')),
           array_agg(execution_id) FILTER (WHERE state = 'running') INTO v_ids, v_running FROM (
        SELECT e.execution_id, e.state FROM farm.cases c JOIN farm.executions e USING (case_id)
        WHERE c.bench_id = p_bench AND e.state IN ('pending', 'ready', 'running', 'skipped')
        ORDER BY e.execution_id FOR UPDATE OF e) unfinished;
    UPDATE farm.executions SET cancel_requested = true WHERE execution_id = ANY (v_running);
    PERFORM FROM farm.cases WHERE bench_id = p_bench ORDER BY case_id FOR NO KEY UPDATE;
    PERFORM farm.unreserve(p_bench, v_ids);
    UPDATE farm.executions SET state = 'cancelled', finished_at = clock_timestamp(), reason = 'cancelled'
    WHERE execution_id = ANY (v_ids);
    UPDATE farm.cases c
    SET state = 'cancelled', finished_at = clock_timestamp(), reason = 'cancelled',
        open_executions = (SELECT count(*) FROM farm.executions e
                           WHERE e.case_id = c.case_id AND e.arm_id IS NOT NULL AND e.state = 'running')
    WHERE bench_id = p_bench AND state IN ('checking', 'pending', 'admitted');
    UPDATE farm.benches SET state = 'cancelled', finished_at = clock_timestamp()
    WHERE bench_id = p_bench AND state IN ('open', 'halted');
    RETURN coalesce(cardinality(v_running), 0);
END $$;

-- Check the gates of cases again whose check failed for its environment: an outcome is final, so each has a new check.
CREATE FUNCTION farm.check_again(p_cases bigint[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO farm.executions (bench_id, case_id, replicate, seed, queue, rank, worst_micro_usd, worst_ms,
                                 deadline_seconds, state)
    SELECT DISTINCT ON (case_id) bench_id, case_id, replicate + 1, seed, queue, rank, worst_micro_usd, worst_ms,
           deadline_seconds, 'ready'
    FROM farm.executions WHERE case_id = ANY (p_cases) AND arm_id IS NULL ORDER BY case_id, execution_id DESC
$$;

-- Reopen a halted bench, what its caps had skipped, and cases whose check failed for its environment; the caller raises
-- the caps afterwards, in the same transaction. A cancelled bench stays as it is.
CREATE FUNCTION farm.resume_bench(p_bench text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_cases bigint[];
    v_failed bigint[];
BEGIN
    PERFORM FROM farm.cases c JOIN farm.executions e USING (case_id)
    WHERE c.bench_id = p_bench AND c.state IN ('skipped', 'error') AND e.state = 'skipped'
    ORDER BY e.execution_id FOR UPDATE OF e;
    SELECT array_agg(case_id), array_agg(case_id) FILTER (WHERE state = 'error') INTO v_cases, v_failed FROM (
        SELECT case_id, state FROM farm.cases
        WHERE bench_id = p_bench AND (state = 'error' OR (state = 'skipped' AND reason LIKE 'cap: %'))
        ORDER BY case_id FOR NO KEY UPDATE) ended;
    -- The caps before the bench, as a completion has them that halts it for an overrun.
    PERFORM FROM farm.caps WHERE bench_id = p_bench FOR UPDATE;
    -- The last lock: a transaction that closes the bench at this moment sees its cases as this one leaves them.
    UPDATE farm.benches SET state = CASE WHEN v_cases IS NULL AND state = 'finished' THEN 'finished' ELSE 'open' END,
        halt_reason = NULL, finished_at = CASE WHEN v_cases IS NULL THEN finished_at END
    WHERE bench_id = p_bench AND state <> 'cancelled';
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    UPDATE farm.executions SET state = 'pending', finished_at = NULL, reason = NULL
    WHERE case_id = ANY (v_cases) AND state = 'skipped' AND arm_id IS NOT NULL;
    UPDATE farm.cases c
    SET state = CASE WHEN c.state = 'error' THEN 'checking' ELSE 'pending' END, reason = NULL, finished_at = NULL,
        open_executions = (SELECT count(*) FROM farm.executions e
                           WHERE e.case_id = c.case_id AND e.arm_id IS NOT NULL AND e.state = 'pending')
    WHERE case_id = ANY (v_cases);
    PERFORM farm.check_again(v_failed);
    RETURN coalesce(cardinality(v_cases), 0);
END $$;
