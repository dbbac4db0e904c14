-- Registration of a machine with its capabilities; returns the capability classes that it serves. A restart clears a
-- suspension: somebody has checked the machine.

-- Whether the token is that of the machine. Its hash is kept: who reads the table cannot pass for a machine.
CREATE FUNCTION farm.is_machine(p_machine text, p_token uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM farm.machines WHERE machine_id = p_machine AND token_hash = sha256(uuid_send(p_token)));
END $$;

-- A name belongs to the token that registered it first. The name of an older farm has none yet: the first one to
-- come has it. One that runs nothing and was not seen for an hour is free: machines are made anew under old names.
CREATE FUNCTION farm.register_machine(p_machine text, p_token uuid, p_capabilities text[], p_concurrency int)
RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = farm, pg_temp AS $$
BEGIN
    IF p_machine ~ '^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}$' AND p_token IS NOT NULL
       AND p_concurrency BETWEEN 1 AND 4096 AND cardinality(p_capabilities) <= 200
       AND NOT EXISTS (SELECT FROM unnest(p_capabilities) c WHERE (c ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$') IS NOT TRUE)
    THEN
        INSERT INTO farm.machines (machine_id, token_hash, capabilities, concurrency)
        VALUES (p_machine, sha256(uuid_send(p_token)), p_capabilities, p_concurrency)
        ON CONFLICT (machine_id) DO UPDATE
        SET capabilities = EXCLUDED.capabilities, concurrency = EXCLUDED.concurrency, started_at = now(),
            seen_at = now(), infra_failures = 0, suspended = false, token_hash = EXCLUDED.token_hash
        WHERE machines.token_hash IS NULL OR machines.token_hash = EXCLUDED.token_hash
           OR (machines.seen_at < now() - interval '1 hour' AND NOT EXISTS (
               SELECT FROM farm.executions e WHERE e.machine_id = p_machine AND e.state = 'running'));
        IF NOT FOUND THEN
            RAISE EXCEPTION 'machine % has another token', p_machine USING ERRCODE = 'BF001';
        END IF;
        RETURN farm.served_queues(p_machine);
    END IF;
    RAISE EXCEPTION 'the machine is refused: its name, capabilities or slots are out of bounds'
        USING ERRCODE = 'invalid_parameter_value';
END $$;

CREATE FUNCTION farm.served_queues(p_machine text) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(q.queue ORDER BY q.queue), '{}')
    FROM farm.machines m JOIN farm.queues q ON q.needs <@ m.capabilities WHERE m.machine_id = p_machine
$$;

-- Heartbeat of a machine that is registered with this token. Returns which classes it serves, which of them have ready
-- work, and whether it is suspended.
CREATE FUNCTION farm.greet_machine(p_machine text, p_token uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = farm, pg_temp AS $$
DECLARE
    v_queues text[] := farm.served_queues(p_machine);
BEGIN
    IF NOT farm.is_machine(p_machine, p_token) THEN
        RETURN jsonb_build_object('known', false, 'queues', '{}'::text[], 'ready', '{}'::text[], 'suspended', false);
    END IF;
    UPDATE farm.machines SET seen_at = now() WHERE machine_id = p_machine;
    RETURN jsonb_build_object(
        'known', true,
        'queues', to_jsonb(v_queues),
        'ready', (SELECT coalesce(jsonb_agg(queue), '[]') FROM unnest(v_queues) AS q (queue)
                  WHERE NOT farm.is_paused(q.queue) AND EXISTS (SELECT FROM farm.executions e WHERE e.state = 'ready' AND e.queue = q.queue
                                AND (e.not_before IS NULL OR e.not_before <= now()))),
        'suspended', coalesce((SELECT suspended FROM farm.machines WHERE machine_id = p_machine), false));
END $$;

CREATE FUNCTION farm.schema_version(OUT revision text, OUT code_hash text) LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = farm, pg_temp AS $$
    SELECT (SELECT version_num FROM farm.alembic_version),
           (SELECT value #>> '{}' FROM farm.settings WHERE key = 'code_hash')
$$;
