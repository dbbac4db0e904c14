-- A machine says what it can do, and hears which capability classes it serves. Starting anew clears a
-- suspension: somebody has looked at the machine.

CREATE FUNCTION farm.register_machine(p_machine text, p_capabilities text[], p_concurrency int)
RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = farm, pg_temp AS $$
BEGIN
    INSERT INTO farm.machines (machine_id, capabilities, concurrency)
    VALUES (p_machine, p_capabilities, p_concurrency)
    ON CONFLICT (machine_id) DO UPDATE
    SET capabilities = EXCLUDED.capabilities, concurrency = EXCLUDED.concurrency, started_at = now(),
        seen_at = now(), infra_failures = 0, suspended = false;
    RETURN farm.served_queues(p_machine);
END $$;

CREATE FUNCTION farm.served_queues(p_machine text) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(q.queue ORDER BY q.queue), '{}')
    FROM farm.machines m JOIN farm.queues q ON q.needs <@ m.capabilities WHERE m.machine_id = p_machine
$$;

-- The machine is alive. Which classes it serves now, which of them have ready work, and whether it is suspended.
CREATE FUNCTION farm.greet_machine(p_machine text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = farm, pg_temp AS $$
DECLARE
    v_queues text[] := farm.served_queues(p_machine);
BEGIN
    UPDATE farm.machines SET seen_at = now() WHERE machine_id = p_machine;
    RETURN jsonb_build_object(
        'queues', to_jsonb(v_queues),
        'ready', (SELECT coalesce(jsonb_agg(queue), '[]') FROM unnest(v_queues) AS q (queue)
                  WHERE EXISTS (SELECT FROM farm.executions e WHERE e.state = 'ready' AND e.queue = q.queue
                                AND (e.not_before IS NULL OR e.not_before <= now()))),
        'suspended', coalesce((SELECT suspended FROM farm.machines WHERE machine_id = p_machine), false));
END $$;

CREATE FUNCTION farm.schema_version(OUT revision text, OUT code_hash text) LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = farm, pg_temp AS $$
    SELECT (SELECT version_num FROM farm.alembic_version),
           (SELECT value #>> '{}' FROM farm.settings WHERE key = 'code_hash')
$$;
