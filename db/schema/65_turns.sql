-- Session-bound locks as rows. An advisory lock may be taken by every login of the server; these only by who may
-- write to farm. A turn is free as soon as the session of its holder has ended, for whatever reason.

-- Whether the session that took the turn still lives. Process numbers are reused: the start distinguishes them,
-- where this role may see it; else the login does.
CREATE FUNCTION farm.holder_lives(t farm.turns) RETURNS boolean LANGUAGE sql VOLATILE AS $$
    SELECT EXISTS (
        SELECT FROM pg_stat_activity s
        WHERE s.pid = t.holder_pid AND s.usename = t.holder_role AND s.datname = current_database()
          AND (s.backend_start IS NULL OR s.backend_start = t.holder_started_at))
$$;

-- The fence with which the session of server process p_holder holds the turn, already or from now on; NULL where another
-- one holds it. Behind a pooler it is not the session that asks.
CREATE FUNCTION farm.take_turn(p_name text, p_holder integer DEFAULT pg_backend_pid()) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    t farm.turns;
BEGIN
    INSERT INTO farm.turns (name) VALUES (p_name) ON CONFLICT DO NOTHING;
    SELECT * INTO t FROM farm.turns WHERE name = p_name FOR UPDATE;
    -- After the lock: a holder that began while this one waited must be seen.
    PERFORM pg_stat_clear_snapshot();
    IF farm.holder_lives(t) THEN
        RETURN CASE WHEN t.holder_pid = p_holder THEN t.fence END;
    END IF;
    UPDATE farm.turns
    SET fence = fence + 1, holder_pid = s.pid, holder_started_at = s.backend_start, holder_role = s.usename,
        holder = s.application_name
    FROM pg_stat_activity s
    WHERE s.pid = p_holder AND name = p_name RETURNING * INTO t;
    RETURN t.fence;
END $$;
