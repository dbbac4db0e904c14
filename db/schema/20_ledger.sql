-- Money and time. Lock order everywhere: execution, circuit, case, caps by cap_id, machine.

-- An amount for people: dollars with two decimals, four below a dollar.
CREATE FUNCTION farm.usd_text(p_micro_usd bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT '$' || to_char(p_micro_usd / 1000000.0, CASE WHEN abs(p_micro_usd) >= 1000000 OR p_micro_usd = 0
                                                        THEN 'FM999,999,999,999,990.00' ELSE 'FM0.0000' END)
$$;

CREATE FUNCTION farm.today() RETURNS date LANGUAGE sql STABLE AS
$$ SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date $$;

CREATE FUNCTION farm.lock_caps(p_bench text, p_case bigint, p_day date) RETURNS SETOF farm.caps
LANGUAGE sql AS $$
    SELECT * FROM farm.caps
    WHERE bench_id = p_bench OR case_id = p_case OR day = p_day
    ORDER BY cap_id FOR UPDATE
$$;

-- Today. Its row appears with the first reservation of that day, under the limit then in force.
CREATE FUNCTION farm.ensure_day() RETURNS date LANGUAGE plpgsql AS $$
DECLARE
    v_day date := farm.today();
BEGIN
    IF NOT EXISTS (SELECT FROM farm.caps WHERE day = v_day) THEN
        INSERT INTO farm.caps (scope, day, usd_limit)
        VALUES ('day', v_day, (SELECT (value #>> '{}')::bigint FROM farm.settings WHERE key = 'daily_micro_usd'))
        ON CONFLICT (day) DO NOTHING;
    END IF;
    RETURN v_day;
END $$;

-- NULL where the amounts fit under every cap (whose rows are then locked); else 'waits: <cap>' where they may
-- fit later, 'never: <cap>' where they cannot, whatever is given back.
CREATE FUNCTION farm.refusal(p_bench text, p_case bigint, p_day date, p_usd bigint, p_ms bigint, p_n bigint)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    c farm.caps;
    verdict text;
    waits text;
BEGIN
    FOR c IN SELECT * FROM farm.lock_caps(p_bench, p_case, p_day) LOOP
        SELECT CASE
            WHEN p_usd > 0 AND c.usd_spent + c.usd_reserved + p_usd > c.usd_limit THEN
                -- A day of which nothing is left, by a brake or a cap of 0, is only closed for now.
                CASE WHEN (p_usd > c.usd_limit AND (c.scope <> 'day' OR (c.usd_excess = 0 AND c.usd_limit > 0)))
                       OR (c.scope <> 'day' AND c.usd_spent + p_usd > c.usd_limit)
                     THEN 'never: ' ELSE 'waits: ' END || 'dollars per ' || c.scope
            WHEN c.ms_spent + c.ms_reserved + p_ms > c.ms_limit THEN
                CASE WHEN c.ms_spent + p_ms > c.ms_limit
                     THEN 'never: ' ELSE 'waits: ' END || 'minutes per ' || c.scope
            WHEN c.executions_spent + c.executions_reserved + p_n > c.executions_limit THEN
                CASE WHEN c.executions_spent + p_n > c.executions_limit
                     THEN 'never: ' ELSE 'waits: ' END || 'executions per ' || c.scope
        END INTO verdict;
        IF verdict LIKE 'never: %' THEN
            RETURN verdict;
        END IF;
        waits := coalesce(waits, verdict);
    END LOOP;
    RETURN waits;
END $$;

-- Set aside the worst case of the next attempt of each execution. The caller holds the caps' locks and has
-- asked farm.refusal; the predicate and the CHECKs on farm.caps hold even where a caller did not.
CREATE FUNCTION farm.reserve(p_bench text, p_case bigint, p_day date, p_executions bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_usd bigint;
    v_ms bigint;
    v_n bigint;
    v_wanted bigint;
    v_done bigint;
BEGIN
    WITH moved AS (
        INSERT INTO farm.ledger (execution_id, attempt, kind, micro_usd, ms, executions, day)
        SELECT execution_id, attempt + 1, 'reserve', worst_micro_usd, worst_ms, 1, p_day
        FROM farm.executions WHERE execution_id = ANY (p_executions)
        ON CONFLICT DO NOTHING RETURNING micro_usd, ms, executions
    )
    SELECT coalesce(sum(micro_usd), 0), coalesce(sum(ms), 0), coalesce(sum(executions), 0)
    INTO v_usd, v_ms, v_n FROM moved;

    SELECT count(*) INTO v_wanted FROM farm.caps WHERE bench_id = p_bench OR case_id = p_case OR day = p_day;
    UPDATE farm.caps
    SET usd_reserved = usd_reserved + v_usd,
        ms_reserved = ms_reserved + v_ms,
        executions_reserved = executions_reserved + v_n
    WHERE (bench_id = p_bench OR case_id = p_case OR day = p_day)
      -- What costs nothing passes a cap of the day that is used up.
      AND (usd_limit IS NULL OR v_usd = 0 OR usd_spent + usd_reserved + v_usd <= usd_limit)
      AND (ms_limit IS NULL OR ms_spent + ms_reserved + v_ms <= ms_limit)
      AND (executions_limit IS NULL OR executions_spent + executions_reserved + v_n <= executions_limit);
    GET DIAGNOSTICS v_done = ROW_COUNT;
    IF v_done <> v_wanted THEN
        RAISE EXCEPTION 'a cap of bench % does not hold this reservation', p_bench USING ERRCODE = 'check_violation';
    END IF;
END $$;

-- Close the reservation of one attempt: what was spent stays, the rest is free again. An unknown cost (NULL)
-- is the whole reservation. Returns what was spent beyond the reservation; that part is recorded as overrun,
-- never as spent, so that spent + reserved <= cap holds. p_final: the execution counts as executed.
CREATE FUNCTION farm.settle(p_execution bigint, p_attempt int, p_usd bigint, p_ms bigint, p_final boolean)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    r farm.ledger;
    e farm.executions;
    v_usd bigint;
    v_ms bigint;
    v_n int := CASE WHEN p_final THEN 1 ELSE 0 END;
    v_over bigint;
BEGIN
    SELECT * INTO r FROM farm.ledger WHERE execution_id = p_execution AND attempt = p_attempt AND kind = 'reserve';
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    v_usd := least(coalesce(p_usd, r.micro_usd), r.micro_usd);
    v_ms := least(coalesce(p_ms, r.ms), r.ms);
    v_over := greatest(coalesce(p_usd, 0) - r.micro_usd, 0);

    INSERT INTO farm.ledger (execution_id, attempt, kind, micro_usd, ms, executions, day)
    SELECT p_execution, p_attempt, m.kind, m.usd, m.ms, m.n, r.day
    FROM (VALUES ('settle', v_usd, v_ms, v_n),
                 ('release', r.micro_usd - v_usd, r.ms - v_ms, r.executions - v_n)) m (kind, usd, ms, n)
    WHERE m.kind = 'settle' OR (m.usd, m.ms, m.n) <> (0, 0, 0)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;

    SELECT * INTO e FROM farm.executions WHERE execution_id = p_execution;
    PERFORM FROM farm.caps
    WHERE bench_id = e.bench_id OR case_id = e.case_id OR day = r.day ORDER BY cap_id FOR UPDATE;
    UPDATE farm.caps
    SET usd_spent = usd_spent + v_usd, usd_reserved = usd_reserved - r.micro_usd, usd_overrun = usd_overrun + v_over,
        ms_spent = ms_spent + v_ms, ms_reserved = ms_reserved - r.ms,
        executions_spent = executions_spent + v_n, executions_reserved = executions_reserved - r.executions
    WHERE bench_id = e.bench_id OR case_id = e.case_id OR day = r.day;
    RETURN v_over;
END $$;

-- Corrects the spend of an attempt that was settled before it was known: what was forfeited too much
-- is refunded. Returns what was spent beyond the reservation, recorded as overrun.
CREATE FUNCTION farm.refund(p_execution bigint, p_attempt int, p_usd bigint, p_ms bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    s farm.ledger;
    e farm.executions;
    v_usd bigint;
    v_ms bigint;
    v_over bigint;
BEGIN
    SELECT * INTO s FROM farm.ledger WHERE execution_id = p_execution AND attempt = p_attempt AND kind = 'settle';
    IF NOT FOUND OR p_usd IS NULL THEN
        RETURN 0;
    END IF;
    v_usd := greatest(s.micro_usd - p_usd, 0);
    v_ms := greatest(s.ms - coalesce(p_ms, s.ms), 0);
    v_over := greatest(p_usd - s.micro_usd, 0);
    INSERT INTO farm.ledger (execution_id, attempt, kind, micro_usd, ms, executions, day)
    VALUES (p_execution, p_attempt, 'refund', v_usd, v_ms, 0, s.day) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    SELECT * INTO e FROM farm.executions WHERE execution_id = p_execution;
    PERFORM farm.lock_caps(e.bench_id, e.case_id, s.day);
    UPDATE farm.caps
    SET usd_spent = usd_spent - v_usd, usd_overrun = usd_overrun + v_over, ms_spent = ms_spent - v_ms
    WHERE bench_id = e.bench_id OR case_id = e.case_id OR day = s.day;
    RETURN v_over;
END $$;

-- Give back the reservations of executions that were admitted and will not run now. The caller raises `attempt`
-- where they may run later: a reservation is keyed by its attempt and never made twice.
CREATE FUNCTION farm.unreserve(p_bench text, p_executions bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM farm.caps
    WHERE bench_id = p_bench
       OR case_id IN (SELECT case_id FROM farm.executions WHERE execution_id = ANY (p_executions))
       OR day IN (SELECT day FROM farm.ledger WHERE execution_id = ANY (p_executions) AND kind = 'reserve')
    ORDER BY cap_id FOR UPDATE;
    WITH freed AS (
        INSERT INTO farm.ledger (execution_id, attempt, kind, micro_usd, ms, executions, day)
        SELECT r.execution_id, r.attempt, 'release', r.micro_usd, r.ms, r.executions, r.day
        FROM farm.ledger r JOIN farm.executions e USING (execution_id)
        WHERE e.execution_id = ANY (p_executions) AND r.attempt = e.attempt + 1 AND r.kind = 'reserve'
        ON CONFLICT DO NOTHING RETURNING execution_id, micro_usd, ms, executions, day
    ), given AS (
        SELECT p_bench AS bench_id, NULL::bigint AS case_id, NULL::date AS day,
               sum(micro_usd) AS usd, sum(ms) AS ms, sum(executions) AS n
        FROM freed
        UNION ALL
        SELECT NULL, e.case_id, NULL, sum(f.micro_usd), sum(f.ms), sum(f.executions)
        FROM freed f JOIN farm.executions e USING (execution_id) GROUP BY e.case_id
        UNION ALL
        SELECT NULL, NULL, day, sum(micro_usd), sum(ms), sum(executions) FROM freed GROUP BY day
    )
    UPDATE farm.caps c
    SET usd_reserved = usd_reserved - coalesce(g.usd, 0), ms_reserved = ms_reserved - coalesce(g.ms, 0),
        executions_reserved = executions_reserved - coalesce(g.n, 0)
    FROM given g WHERE c.bench_id = g.bench_id OR c.case_id = g.case_id OR c.day = g.day;
END $$;
