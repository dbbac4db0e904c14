-- The emergency brake: a daily cap that is set below what is spent and reserved holds at once. Nothing that costs
-- money is admitted; what was admitted waits again; what runs beyond the cap is asked to hand its work back, the
-- youngest first. usd_excess is what stood above the new limit: spent + reserved <= limit + excess, and the excess
-- only shrinks, so that the CHECK keeps holding money in.

CREATE FUNCTION farm.guard_excess() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.usd_excess := least(NEW.usd_excess, greatest(0, NEW.usd_spent + NEW.usd_reserved - NEW.usd_limit));
    IF NEW.usd_limit IS NOT DISTINCT FROM OLD.usd_limit THEN
        NEW.usd_excess := least(NEW.usd_excess, OLD.usd_excess);
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER guard_excess BEFORE UPDATE ON farm.caps
    FOR EACH ROW WHEN (OLD.usd_excess > 0 OR NEW.usd_excess > 0) EXECUTE FUNCTION farm.guard_excess();

-- Set the cap of a day from today on; NULL lifts it. What was asked to stop before keeps running until farm.brakes asks
-- again. What still runs on money of an earlier day counts as today's: that day's row leaves it no more than is left.
CREATE FUNCTION farm.set_daily_cap(p_usd bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_day date;
    v_left bigint;
BEGIN
    IF p_usd IS NULL THEN
        DELETE FROM farm.settings WHERE key = 'daily_micro_usd';
    ELSE
        INSERT INTO farm.settings VALUES ('daily_micro_usd', to_jsonb(p_usd))
        ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value;
    END IF;
    PERFORM FROM farm.executions WHERE state = 'running' AND hand_back_requested ORDER BY execution_id FOR NO KEY UPDATE;
    UPDATE farm.executions SET hand_back_requested = false WHERE state = 'running' AND hand_back_requested;
    -- After the setting: waits for a transaction that inserts the row of today at this moment.
    v_day := farm.ensure_day();
    PERFORM FROM farm.caps WHERE day > v_day - 8 ORDER BY cap_id FOR UPDATE;
    UPDATE farm.caps SET usd_limit = p_usd, usd_excess = greatest(0, usd_spent + usd_reserved - p_usd)
    WHERE day = v_day RETURNING greatest(0, p_usd - usd_spent - usd_reserved) INTO v_left;
    UPDATE farm.caps
    SET usd_limit = usd_spent + CASE WHEN p_usd IS NULL THEN usd_reserved ELSE least(usd_reserved, v_left) END,
        usd_excess = CASE WHEN p_usd IS NULL THEN 0 ELSE greatest(0, usd_reserved - v_left) END
    WHERE day BETWEEN v_day - 7 AND v_day - 1 AND usd_reserved > 0;
END $$;

-- What holds money of a day that is above its cap.
CREATE FUNCTION farm.holders_beyond_cap()
RETURNS TABLE (execution_id bigint, bench_id text, state text, started_at timestamptz, is_ending boolean,
               micro_usd bigint, day date, excess bigint)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM farm.caps c WHERE c.day > farm.today() - 8 AND c.usd_excess > 0) THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT e.execution_id, e.bench_id, e.state, e.started_at, e.hand_back_requested OR e.cancel_requested,
               r.micro_usd, c.day, c.usd_excess
        FROM farm.executions e
        JOIN farm.ledger r ON r.execution_id = e.execution_id AND r.kind = 'reserve'
                          AND r.attempt = e.attempt + (e.state = 'ready')::int
        JOIN farm.caps c ON c.day = r.day
        WHERE e.state IN ('ready', 'running') AND r.micro_usd > 0 AND c.usd_excess > 0;
END $$;

-- Ask running executions to release their leases until what is left fits, were all of their reservations free again;
-- how many were asked. What they spent meanwhile stays spent: the next tick asks again where that was too little.
CREATE FUNCTION farm.stop_beyond_cap() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_ids bigint[];
    v_n int;
BEGIN
    WITH held AS MATERIALIZED (SELECT * FROM farm.holders_beyond_cap()),
    over AS (
        SELECT day, max(excess) - coalesce(sum(micro_usd) FILTER (WHERE state = 'ready' OR is_ending), 0) AS usd
        FROM held GROUP BY day
    ), youngest_first AS (
        SELECT execution_id, day,
               sum(micro_usd) OVER (PARTITION BY day ORDER BY started_at DESC, execution_id DESC) - micro_usd AS before
        FROM held WHERE state = 'running' AND NOT is_ending
    )
    SELECT array_agg(execution_id) INTO v_ids FROM youngest_first JOIN over USING (day) WHERE before < usd;
    IF v_ids IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM FROM farm.executions WHERE execution_id = ANY (v_ids) ORDER BY execution_id FOR NO KEY UPDATE;
    UPDATE farm.executions SET hand_back_requested = true WHERE execution_id = ANY (v_ids) AND state = 'running';
    GET DIAGNOSTICS v_n = ROW_COUNT;
    RETURN v_n;
END $$;
