-- Live output: a worker sends what its programs print only while somebody follows the execution.
-- A follower renews a row of farm.followed; the heartbeat answers 'send_output' while there is one.

-- Ask for the output of an execution for p_seconds, at most ten minutes. Idempotent. Returns the state of the
-- execution; NULL where there is none of this id. A reader of the page calls it, who writes no table otherwise.
CREATE FUNCTION farm.follow_execution(p_execution bigint, p_seconds double precision) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = farm, pg_temp AS $$
DECLARE
    v_state text;
BEGIN
    DELETE FROM farm.followed WHERE wanted_until < now() - interval '1 hour';
    SELECT state INTO v_state FROM farm.executions WHERE execution_id = p_execution;
    IF v_state IN ('pending', 'ready', 'running') THEN
        INSERT INTO farm.followed VALUES (p_execution, now() + make_interval(secs => least(600, p_seconds)))
        ON CONFLICT (execution_id) DO UPDATE
        SET wanted_until = greatest(followed.wanted_until, EXCLUDED.wanted_until);
    END IF;
    RETURN v_state;
END $$;

CREATE FUNCTION farm.is_followed(p_execution bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM farm.followed WHERE execution_id = p_execution AND wanted_until > now());
END $$;

-- The output of an attempt that ended is in its artifacts.
CREATE FUNCTION farm.forget_output(p_execution bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM farm.live_output WHERE execution_id = p_execution;
END $$;

-- New output of the attempt that holds the lease; idempotent by the position of each chunk. Returns 'wanted' while
-- somebody follows, 'unwanted' where nobody does any more, and 'fenced' where the lease is lost; nothing is stored then.
-- p_items: objects with candidate, name, position and left_out; p_bodies: their bytes, together at most 64 KiB.
CREATE FUNCTION farm.send_output(p_execution bigint, p_attempt int, p_token uuid, p_items jsonb, p_bodies bytea[])
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = farm, pg_temp AS $$
BEGIN
    -- Shared, so that the end of the attempt, which deletes its output, comes before or after.
    PERFORM FROM farm.executions
    WHERE execution_id = p_execution AND state = 'running' AND attempt = p_attempt AND lease_token = p_token
    FOR SHARE;
    IF NOT FOUND THEN
        RETURN 'fenced';
    END IF;
    IF NOT farm.is_followed(p_execution) THEN
        RETURN 'unwanted';
    END IF;
    IF jsonb_typeof(p_items) IS DISTINCT FROM 'array' OR jsonb_array_length(p_items) > 1000
        OR (SELECT coalesce(sum(octet_length(body)), 0) FROM unnest(p_bodies) body) > 65536
        OR EXISTS (SELECT FROM jsonb_array_elements(p_items) WITH ORDINALITY AS given (d, n)
                   WHERE coalesce(d ->> 'name' !~ '^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$', true)
                      OR d ->> 'candidate' IS NULL OR d ->> 'position' IS NULL OR p_bodies[n::int] IS NULL
                      OR NOT (farm.is_whole(d -> 'candidate', 9999) AND farm.is_whole(d -> 'position', 1e15)
                              AND farm.is_whole(d -> 'left_out', 1e15))) THEN
        RAISE EXCEPTION 'the output is refused: no list of chunks, or more than 64 KiB'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM farm.live_output
    WHERE execution_id = p_execution AND sent_at < clock_timestamp() - interval '1 minute';
    INSERT INTO farm.live_output (execution_id, attempt, candidate, name, position, left_out, body, sent_at)
    SELECT p_execution, p_attempt, (d ->> 'candidate')::smallint, d ->> 'name', (d ->> 'position')::bigint,
           coalesce((d ->> 'left_out')::bigint, 0), p_bodies[n::int], clock_timestamp()
    FROM jsonb_array_elements(p_items) WITH ORDINALITY AS given (d, n)
    ON CONFLICT DO NOTHING;
    RETURN 'wanted';
END $$;
