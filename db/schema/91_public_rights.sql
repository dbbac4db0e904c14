-- What PostgreSQL lets every login do, and with which one that only reads could fill the disk or hold others up:
-- temporary tables, large objects, messages in the write-ahead log, advisory locks. Taken back where this role may:
-- TEMP by the database's owner, the functions of pg_catalog by a superuser.

CREATE FUNCTION farm.harmful_functions() RETURNS SETOF regprocedure LANGUAGE sql STABLE AS $$
    SELECT p.oid::regprocedure FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'pg_catalog'::regnamespace
      AND (p.proname ~ '^(lo_|pg_(try_)?advisory_)' OR p.proname IN ('loread', 'lowrite', 'pg_logical_emit_message'))
      AND has_function_privilege('public', p.oid, 'EXECUTE')
    ORDER BY 1
$$;

REVOKE ALL ON FUNCTION farm.harmful_functions() FROM PUBLIC;

DO $$
DECLARE
    f regprocedure;
BEGIN
    BEGIN
        EXECUTE format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC', current_database());
    EXCEPTION WHEN insufficient_privilege THEN
        NULL;  -- `bench db upgrade` names what is left open
    END;
    BEGIN
        FOR f IN SELECT farm.harmful_functions() LOOP
            EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
        END LOOP;
    EXCEPTION WHEN insufficient_privilege THEN
        NULL;
    END;
END $$;
