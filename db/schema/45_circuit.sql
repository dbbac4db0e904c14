-- Circuit breaker of a class: while its provider fails, nothing of the class is leased but one probe at a time, after a
-- backoff, and what failed goes back instead of ending as an error. A class without a row has never failed.

-- Whether the circuit of the class is open.
CREATE FUNCTION farm.is_paused(p_queue text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM farm.circuits WHERE queue = p_queue AND opened_at IS NOT NULL);
END $$;

-- Whether the probe of the class runs. One that was lost, released or ended for another reason frees its turn.
CREATE FUNCTION farm.probe_runs(c farm.circuits) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM farm.executions WHERE execution_id = c.probe_execution_id AND attempt = c.probe_attempt
                   AND state = 'running');
END $$;

-- Whether a probe of the class may be leased now.
CREATE FUNCTION farm.probe_is_due(p_queue text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM farm.circuits c WHERE c.queue = p_queue AND c.opened_at IS NOT NULL
                   AND c.probe_at <= clock_timestamp() AND NOT farm.probe_runs(c));
END $$;

-- The execution, locked, that probes the class now; NULL where none is due. Those that went back least often come first:
-- a long outage then uses up the returns of none.
CREATE FUNCTION farm.take_probe(p_queue text) RETURNS farm.executions LANGUAGE plpgsql AS $$
DECLARE
    e farm.executions;
BEGIN
    IF NOT farm.probe_is_due(p_queue) THEN
        RETURN NULL;
    END IF;
    -- The execution before its circuit: the lock order.
    SELECT * INTO e FROM farm.executions
    WHERE state = 'ready' AND queue = p_queue AND arm_id IS NOT NULL
      AND (not_before IS NULL OR not_before <= clock_timestamp())
    ORDER BY provider_returns, rank, execution_id LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM FROM farm.circuits WHERE queue = p_queue FOR UPDATE SKIP LOCKED;
    -- Read again under the lock: another machine may have taken the turn.
    IF NOT FOUND OR NOT farm.probe_is_due(p_queue) THEN
        RETURN NULL;
    END IF;
    UPDATE farm.circuits SET probe_execution_id = e.execution_id, probe_attempt = e.attempt + 1 WHERE queue = p_queue;
    RETURN e;
END $$;

-- Whether an open circuit admits no more cases: it waits for the time of its probe, or has what it needs to probe. Where
-- it has nothing to probe with, a case is admitted for that.
CREATE FUNCTION farm.is_held_back(c farm.circuits) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN c.opened_at IS NOT NULL AND (c.probe_at > clock_timestamp() OR farm.probe_runs(c) OR EXISTS (
        SELECT FROM farm.executions WHERE state = 'ready' AND queue = c.queue AND arm_id IS NOT NULL));
END $$;

-- The first class of these executions of which no more is admitted; NULL where all may be.
CREATE FUNCTION farm.paused_class(p_executions bigint[]) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT min(c.queue) FROM farm.circuits c
        WHERE c.queue IN (SELECT queue FROM farm.executions WHERE execution_id = ANY (p_executions))
          AND farm.is_held_back(c));
END $$;

-- Close the circuit; whether it was open.
CREATE FUNCTION farm.close_circuit(p_queue text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_open boolean;
BEGIN
    SELECT opened_at IS NOT NULL INTO v_open FROM farm.circuits WHERE queue = p_queue FOR UPDATE;
    UPDATE farm.circuits
    SET failures = 0, opened_at = NULL, probe_at = NULL, backoff_seconds = NULL, probe_execution_id = NULL,
        probe_attempt = NULL
    WHERE queue = p_queue;
    RETURN coalesce(v_open, false);
END $$;

-- Close the circuit of a running, locked execution that is its probe: the provider has answered a call of it.
CREATE FUNCTION farm.close_by_probe(e farm.executions) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM farm.close_circuit(c.queue) FROM farm.circuits c
    WHERE c.queue = e.queue AND c.opened_at IS NOT NULL AND c.probe_execution_id = e.execution_id
      AND c.probe_attempt = e.attempt;
END $$;

-- An execution of the class ended with a result: its provider answers.
CREATE FUNCTION farm.count_answer(e farm.executions) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM farm.close_by_probe(e);
    -- Nothing to write where no failure is newer than the last answer: most completions write no circuit.
    UPDATE farm.circuits
    SET failures = CASE WHEN opened_at IS NULL THEN 0 ELSE failures END,
        answered_from = greatest(answered_from, e.started_at)
    WHERE queue = e.queue AND (failures > 0 OR answered_from IS NULL OR answered_from <= failed_at);
END $$;

-- Count a failure of the provider, and open the circuit at the configured number in a row. Returns whether the execution
-- goes back: while the circuit is open; and where its retries are used up and nothing that began after its first failure
-- has had a result, so that the failures may be the first of an outage.
CREATE FUNCTION farm.count_provider_failure(e farm.executions, p_message text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    b farm.benches;
    c farm.circuits;
    v_now timestamptz;
    v_open_after int;
BEGIN
    SELECT * INTO b FROM farm.benches WHERE bench_id = e.bench_id;
    v_open_after := coalesce((b.config #>> '{execution_limits,pause_after_provider_failures}')::int, 3);
    IF v_open_after = 0 THEN
        RETURN false;
    END IF;
    INSERT INTO farm.circuits (queue) VALUES (e.queue) ON CONFLICT DO NOTHING;
    SELECT * INTO c FROM farm.circuits WHERE queue = e.queue FOR UPDATE;
    v_now := clock_timestamp();
    IF c.opened_at IS NULL AND c.failures + 1 >= v_open_after THEN
        c.opened_at := v_now;
        c.backoff_seconds := 30;
        c.probe_at := v_now + make_interval(secs => c.backoff_seconds);
    ELSIF c.opened_at IS NOT NULL AND c.probe_execution_id = e.execution_id AND c.probe_attempt = e.attempt THEN
        c.backoff_seconds := least(600, 2 * c.backoff_seconds);
        c.probe_at := v_now + make_interval(secs => c.backoff_seconds);
        c.probe_execution_id := NULL;
        c.probe_attempt := NULL;
    END IF;
    UPDATE farm.circuits
    SET failures = failures + 1, failed_at = v_now, reason = left(p_message, 1000), opened_at = c.opened_at,
        backoff_seconds = c.backoff_seconds, probe_at = c.probe_at, probe_execution_id = c.probe_execution_id,
        probe_attempt = c.probe_attempt
    WHERE queue = e.queue;
    IF e.provider_returns >= 5 THEN
        RETURN false;
    END IF;
    RETURN c.opened_at IS NOT NULL OR (e.retries >= b.max_retries AND (
        c.answered_from IS NULL OR c.answered_from <= coalesce((
            SELECT min(ended_at) FROM farm.attempts
            WHERE execution_id = e.execution_id AND ending = 'error' AND result ->> 'error_class' = 'provider'), v_now)));
END $$;

-- Count the end of a locked, running execution of an arm, by its error class. Returns whether it goes back.
CREATE FUNCTION farm.count_for_circuit(e farm.executions, p_class text, p_message text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF p_class = 'provider' THEN
        RETURN farm.count_provider_failure(e, p_message);
    END IF;
    -- Money was spent up to the cap: the provider answered. Other errors are no evidence about it.
    IF p_class IS NULL OR p_class = 'killed_by_cap' THEN
        PERFORM farm.count_answer(e);
    END IF;
    RETURN false;
END $$;

-- An execution that goes back: ready or pending again, as after a retry, which it does not count as.
CREATE FUNCTION farm.return_to_wait(e farm.executions, p_day date, p_message text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE farm.executions SET provider_returns = provider_returns + 1 WHERE execution_id = e.execution_id;
    -- The backoff matters where the circuit is closed; an open one waits for its probe.
    PERFORM farm.requeue(e.execution_id, p_day, clock_timestamp() + make_interval(secs => 2 ^ e.provider_returns),
                         'waits for its provider: ' || coalesce(p_message, ''));
END $$;
