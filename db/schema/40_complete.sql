-- What comes of an attempt: recorded once, retried by class, or kept as late. All plpgsql, also where one statement
-- would do: its plans are kept for the session, those of a LANGUAGE sql function are made anew in each call.

-- Milliseconds that a candidate or an execution waited for a provider; a part of its duration, 0 in results of workers
-- that do not measure it.
CREATE FUNCTION farm.wait_of(p_result jsonb) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN least(coalesce((p_result ->> 'provider_wait_ms')::bigint, 0),
                 coalesce((p_result ->> 'duration_ms')::bigint, 0));
END $$;

CREATE FUNCTION farm.record_candidates(p_execution bigint, p_attempt int, p_result jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO farm.candidates (execution_id, attempt, candidate, workcell_id, status, error_class, duration_ms,
                                 provider_wait_ms, micro_usd, cost_source, document)
    SELECT p_execution, p_attempt, (d ->> 'index')::int, d ->> 'workcell_id', d ->> 'status', d ->> 'error_class',
           (d ->> 'duration_ms')::bigint, farm.wait_of(d), (d ->> 'micro_usd')::bigint, d ->> 'cost_source', d
    FROM jsonb_array_elements(coalesce(p_result -> 'candidates', '[]')) d
    ON CONFLICT DO NOTHING;
END $$;

CREATE FUNCTION farm.record_outcome(p_execution bigint, p_attempt int, p_result jsonb, p_overrun bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO farm.outcomes (execution_id, attempt, status, error_class, message, duration_ms, provider_wait_ms,
                               budget_ms, micro_usd, charged_micro_usd, overrun_micro_usd, cost_source, fail_codes, gate_score, gates,
                               executed_plan, chosen)
    SELECT p_execution, p_attempt, p_result ->> 'status', p_result ->> 'error_class',
           coalesce(p_result ->> 'message', ''), coalesce((p_result ->> 'duration_ms')::bigint, 0), farm.wait_of(p_result),
           coalesce((p_result ->> 'budget_ms')::bigint, 0), (p_result ->> 'micro_usd')::bigint,
           coalesce((SELECT micro_usd FROM farm.ledger
                     WHERE execution_id = p_execution AND attempt = p_attempt AND kind = 'settle'), 0),
           p_overrun, coalesce(p_result ->> 'cost_source', 'unknown'),
           ARRAY(SELECT jsonb_array_elements_text(coalesce(p_result -> 'fail_codes', '[]'))),
           (SELECT avg((g ->> 'score')::double precision) FROM jsonb_array_elements(coalesce(p_result -> 'gates', '[]')) g),
           coalesce(p_result -> 'gates', '[]'), coalesce(p_result -> 'executed_plan', '{}'),
           (p_result ->> 'chosen')::smallint;
END $$;

-- What to settle an attempt at: the cost that its result names. An unknown one is NULL, which is the whole reservation,
-- unless more than that is known to be spent: the rest of a lower bound above the reservation is an overrun.
CREATE FUNCTION farm.money_of(p_execution bigint, p_attempt int, p_result jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN coalesce((p_result ->> 'micro_usd')::bigint, (
        SELECT (p_result ->> 'micro_usd_at_least')::bigint FROM farm.ledger
        WHERE execution_id = p_execution AND attempt = p_attempt AND kind = 'reserve'
          AND (p_result ->> 'micro_usd_at_least')::bigint > micro_usd));
END $$;

-- Three infrastructure failures in a row, and a machine gets no more work until someone has looked at it.
CREATE FUNCTION farm.count_infra(p_machine text, p_failed boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE farm.machines
    SET infra_failures = CASE WHEN p_failed THEN infra_failures + 1 ELSE 0 END,
        suspended = suspended OR (p_failed AND infra_failures >= 2)
    WHERE machine_id = p_machine AND (p_failed OR infra_failures > 0);
END $$;

-- Whether a failure is of what the case brings with it, its set-up or a toolchain that can try nothing on it: no
-- machine is at fault.
CREATE FUNCTION farm.is_of_case(p_result jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(p_result -> 'of_case' = 'true'::jsonb, false)
        OR coalesce(p_result -> 'fail_codes' @> '["cannot_try"]', false)
$$;

-- An overrun stops the bench; the next tick takes back what was admitted and does not run yet.
CREATE FUNCTION farm.halt_on_overrun(p_bench text, p_execution bigint, p_over bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_over > 0 THEN
        UPDATE farm.benches
        SET state = 'halted',
            halt_reason = format('execution x%s spent %s beyond its reservation', p_execution, farm.usd_text(p_over))
        WHERE bench_id = p_bench AND state = 'open';
    END IF;
END $$;

CREATE FUNCTION farm.finish_baseline(p_case bigint, p_result jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO farm.baselines (baseline_key, gates)
    SELECT baseline_key, p_result -> 'baseline' FROM farm.cases WHERE case_id = p_case
    ON CONFLICT (baseline_key) DO UPDATE SET gates = EXCLUDED.gates, checked_at = now();
    UPDATE farm.cases SET baseline = p_result -> 'baseline', state = 'pending'
    WHERE case_id = p_case AND state = 'checking';
END $$;

-- A late result, after the lease was lost, is stored and never scored; its spend corrects what the loss forfeited.
CREATE FUNCTION farm.keep_late_result(p_execution bigint, p_attempt int, p_result jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE farm.attempts SET late_result = p_result, micro_usd = (p_result ->> 'micro_usd')::bigint
    WHERE execution_id = p_execution AND attempt = p_attempt AND late_result IS NULL;
    IF FOUND THEN
        PERFORM farm.record_candidates(p_execution, p_attempt, p_result);
        PERFORM farm.halt_on_overrun(
            (SELECT bench_id FROM farm.executions WHERE execution_id = p_execution), p_execution,
            farm.refund(p_execution, p_attempt, farm.money_of(p_execution, p_attempt, p_result),
                        (p_result ->> 'budget_ms')::bigint));
    END IF;
END $$;

-- 'recorded', 'retried', 'returned' (its provider fails) or 'cancelled' for a live lease; 'already' where this token has completed it before;
-- 'late' where the lease is lost; 'unknown' where it never was. p_stopped: the order that ended the work, if any.
CREATE FUNCTION farm.complete_execution(p_execution bigint, p_attempt int, p_token uuid, p_result jsonb, p_stopped text)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = farm, pg_temp AS $$
DECLARE
    e farm.executions;
    a farm.attempts;
    v_class text := p_result ->> 'error_class';
    v_retry boolean;
    v_return boolean := false;
    v_cancelled boolean;
    v_over bigint;
    v_ending text;
    v_day date;
BEGIN
    PERFORM farm.check_result(p_result);
    SELECT * INTO e FROM farm.executions WHERE execution_id = p_execution FOR UPDATE;
    SELECT * INTO a FROM farm.attempts
    WHERE execution_id = p_execution AND attempt = p_attempt AND lease_token = p_token;
    IF NOT FOUND THEN
        RETURN 'unknown';
    END IF;
    IF e.state <> 'running' OR e.attempt <> p_attempt OR e.lease_token <> p_token THEN
        IF a.ending IN ('done', 'error', 'cancelled') OR a.late_result IS NOT NULL THEN
            RETURN 'already';
        END IF;
        PERFORM farm.keep_late_result(p_execution, p_attempt, p_result);
        RETURN 'late';
    END IF;

    v_cancelled := coalesce(p_stopped = 'cancel', false) AND e.cancel_requested;
    -- The circuit before the case: the lock order.
    IF e.arm_id IS NOT NULL AND NOT v_cancelled THEN
        v_return := farm.count_for_circuit(e, v_class, p_result ->> 'message');
    END IF;
    v_retry := NOT v_cancelled AND NOT v_return AND coalesce(v_class IN ('infra', 'provider'), false)
        AND e.retries < (SELECT max_retries FROM farm.benches WHERE bench_id = e.bench_id);
    IF v_retry OR v_return THEN
        v_day := farm.ensure_day();
    END IF;
    v_ending := CASE WHEN v_cancelled THEN 'cancelled' WHEN v_class IS NULL THEN 'done' ELSE 'error' END;
    PERFORM farm.end_attempt(p_execution, p_attempt, v_ending, p_result ->> 'message', p_result);
    PERFORM farm.record_candidates(p_execution, p_attempt, p_result);
    -- The case before its caps: the lock order.
    PERFORM FROM farm.cases WHERE case_id = e.case_id FOR NO KEY UPDATE;
    v_over := farm.settle(p_execution, p_attempt, farm.money_of(p_execution, p_attempt, p_result),
                          (p_result ->> 'budget_ms')::bigint, NOT (v_retry OR v_return));
    PERFORM farm.halt_on_overrun(e.bench_id, p_execution, v_over);
    IF v_cancelled THEN
        PERFORM farm.finish(p_execution, 'cancelled', 'cancelled while running');
    ELSIF v_return THEN
        PERFORM farm.return_to_wait(e, v_day, p_result ->> 'message');
    ELSIF v_retry THEN
        UPDATE farm.executions SET retries = retries + 1 WHERE execution_id = p_execution;
        PERFORM farm.requeue(p_execution, v_day, clock_timestamp() + make_interval(secs => least(60, 2 ^ e.retries)),
                             'retry after ' || v_class || ': ' || coalesce(p_result ->> 'message', ''));
    ELSE
        PERFORM farm.record_outcome(p_execution, p_attempt, p_result, v_over);
        PERFORM farm.finish(p_execution, v_ending, CASE WHEN v_class IS NOT NULL
                            THEN v_class || ': ' || coalesce(p_result ->> 'message', '') END);
        IF e.arm_id IS NULL AND v_ending = 'done' AND farm.checked_commit(p_execution) IS NULL THEN
            PERFORM farm.finish_baseline(e.case_id, p_result);
        END IF;
    END IF;
    IF NOT (v_class IS NOT DISTINCT FROM 'infra' AND farm.is_of_case(p_result)) THEN
        PERFORM farm.count_infra(e.machine_id, v_class IS NOT DISTINCT FROM 'infra');
    END IF;
    RETURN CASE WHEN v_cancelled THEN 'cancelled' WHEN v_return THEN 'returned' WHEN v_retry THEN 'retried' ELSE 'recorded' END;
END $$;

-- Graceful shutdown: a machine releases its lease at once, which costs no retry. Where the lease is lost already, its
-- spend is recorded all the same.
CREATE FUNCTION farm.release_execution(p_execution bigint, p_attempt int, p_token uuid, p_result jsonb)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = farm, pg_temp AS $$
DECLARE
    e farm.executions;
    v_day date;
    v_why text;
BEGIN
    PERFORM farm.check_result(p_result);
    SELECT * INTO e FROM farm.executions WHERE execution_id = p_execution FOR UPDATE;
    IF NOT FOUND OR e.state <> 'running' OR e.attempt <> p_attempt OR e.lease_token <> p_token THEN
        IF EXISTS (SELECT FROM farm.attempts WHERE execution_id = p_execution AND attempt = p_attempt
                   AND lease_token = p_token AND ending = 'lost') THEN
            PERFORM farm.keep_late_result(p_execution, p_attempt, p_result);
        END IF;
        RETURN 'fenced';
    END IF;
    v_day := farm.ensure_day();
    v_why := CASE WHEN e.hand_back_requested THEN 'stopped by the daily cap on machine '
                  ELSE 'handed back by machine ' END || e.machine_id;
    PERFORM farm.end_attempt(p_execution, p_attempt, 'released', v_why, p_result);
    PERFORM farm.record_candidates(p_execution, p_attempt, p_result);
    PERFORM FROM farm.cases WHERE case_id = e.case_id FOR NO KEY UPDATE;
    PERFORM farm.halt_on_overrun(
        e.bench_id, p_execution, farm.settle(p_execution, p_attempt,
                                             farm.money_of(p_execution, p_attempt, p_result),
                                             (p_result ->> 'budget_ms')::bigint, false));
    PERFORM farm.requeue(p_execution, v_day, NULL, v_why);
    RETURN 'released';
END $$;

-- A locked, running execution lost its process. Two losses, and the execution itself is suspect: quarantined.
CREATE FUNCTION farm.lose(e farm.executions, p_evidence text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_day date := farm.ensure_day();
BEGIN
    PERFORM farm.end_attempt(e.execution_id, e.attempt, 'lost', p_evidence, NULL);
    PERFORM FROM farm.cases WHERE case_id = e.case_id FOR NO KEY UPDATE;
    PERFORM farm.settle(e.execution_id, e.attempt, NULL, NULL, e.lost > 0);
    UPDATE farm.executions SET lost = lost + 1 WHERE execution_id = e.execution_id;
    IF e.lost > 0 THEN
        PERFORM farm.record_outcome(e.execution_id, e.attempt, jsonb_build_object(
            'status', 'error', 'error_class', 'lost',
            'message', 'quarantined after two lost attempts; last: ' || p_evidence), 0);
        PERFORM farm.finish(e.execution_id, 'error', 'lost: ' || p_evidence);
    ELSE
        PERFORM farm.requeue(e.execution_id, v_day, NULL, p_evidence);
    END IF;
END $$;

-- The machine itself saw the process of this attempt die.
CREATE FUNCTION farm.report_lost(p_execution bigint, p_attempt int, p_token uuid, p_evidence text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = farm, pg_temp AS $$
DECLARE
    e farm.executions;
BEGIN
    SELECT * INTO e FROM farm.executions WHERE execution_id = p_execution FOR UPDATE;
    IF NOT FOUND OR e.state <> 'running' OR e.attempt <> p_attempt OR e.lease_token <> p_token THEN
        RETURN false;
    END IF;
    PERFORM farm.lose(e, format('machine %s: %s', e.machine_id, left(p_evidence, 1000)));
    RETURN true;
END $$;

-- Take back one execution that its machine no longer answers for, or that it keeps up a quarter of an hour past the
-- deadline, at which it got the order to stop; false where there is none. One a transaction:
-- a second one would lock an execution and a case while the first holds its caps. A locked row is in
-- use and skipped. The lock evaluates the condition again: a lease that was renewed meanwhile no longer matches.
CREATE FUNCTION farm.reap_expired() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    e farm.executions;
BEGIN
    SELECT * INTO e FROM farm.executions
    WHERE state = 'running' AND (lease_until < clock_timestamp()
                                 OR started_at + make_interval(secs => deadline_seconds + 900) < clock_timestamp())
    ORDER BY execution_id LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM farm.lose(e, CASE WHEN e.lease_until < clock_timestamp()
        THEN format('machine %s stopped answering: claimed %s, lease ended %s', e.machine_id,
                    farm.rfc3339(e.started_at), farm.rfc3339(e.lease_until))
        ELSE format('machine %s did not stop at the deadline: claimed %s, to end within %s seconds', e.machine_id,
                    farm.rfc3339(e.started_at), e.deadline_seconds) END);
    RETURN true;
END $$;
