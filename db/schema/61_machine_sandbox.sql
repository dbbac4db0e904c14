-- Records in which sandbox a machine can run work. Nothing else depends on it: each execution records its own.
CREATE FUNCTION farm.tell_sandbox(p_machine text, p_token uuid, p_sandbox text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = farm, pg_temp AS $$
BEGIN
    IF p_sandbox IN ('bwrap', 'unshare', 'none', 'group') AND farm.is_machine(p_machine, p_token) THEN
        UPDATE farm.machines SET sandbox = p_sandbox WHERE machine_id = p_machine;
        RETURN FOUND;
    END IF;
    RETURN false;
END $$;
